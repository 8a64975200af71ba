import { spendAlpha } from '../metrics/statistics/multiple';
import type { ComparedClaim, StudyComparison } from './comparison';
import { isDecided } from './verdict';

/** A study that grows by a seed of some variants at a time. */
export interface GrowingStudy<T> {
  /** Runs what is lacking and compares at an error rate of `alpha`; null where it was interrupted. */
  readonly run: (
    seedsOf: Readonly<Record<string, readonly number[]>>,
    alpha: number,
  ) => Promise<{
    readonly study: T;
    readonly comparison: StudyComparison;
    /** Whether a run has failed: what it would have said is lacking. */
    readonly failed?: boolean;
  } | null>;
  /** Seconds that one more seed of one variant takes, after a look. */
  readonly secondsOfSeed: (study: T) => number;
  /** By how much of itself one more seed a side narrows a claim's interval. */
  readonly narrows: (study: T, claim: { readonly variant: string; readonly against: string }) => number;
}

export interface UntilDecidedOptions {
  readonly variants: readonly string[];
  /** Seeds of the first look; later looks go on counting from the largest. */
  readonly seeds: readonly number[];
  /** Looks at most, the first among them. Default 5. */
  readonly looks?: number;
  /** Error rate over all looks together. Default 0.05. */
  readonly alpha?: number;
  /** Seconds for all that is added after the first look. */
  readonly budget: number;
  /** Seconds since it began. */
  readonly elapsed: () => number;
  readonly say?: (line: string) => void;
}

/** What a look found. */
export interface Look {
  readonly look: number;
  readonly alpha: number;
  readonly seedsOf: Readonly<Record<string, readonly number[]>>;
  /** `variant against other`, of the claims that are decided. */
  readonly decided: readonly string[];
}

export interface DecidedStudy<T> {
  readonly study: T;
  readonly looks: readonly Look[];
  /** Why it ended; 'exhausted': what is undecided no seed would narrow. */
  readonly stopped: 'decided' | 'budget' | 'looks' | 'failed' | 'exhausted';
}

/**
 * Adds a seed to the variants of undecided claims, those first whose intervals it narrows most for its time, until all are
 * decided, the budget is spent or the last look is taken. Each look is tested at its own level; the levels add up to
 * `alpha` (`spendAlpha`), so that what earlier looks decided on, and which runs they added, cannot raise the error rate.
 * Null where it was interrupted.
 */
export async function runUntilDecided<T>(
  growing: GrowingStudy<T>,
  { variants, seeds, looks = 5, alpha = 0.05, budget, elapsed, say = () => {} }: UntilDecidedOptions,
): Promise<DecidedStudy<T> | null> {
  const levels = spendAlpha(looks, alpha);
  const own = new Map(variants.map((variant) => [variant, [...seeds]]));
  const taken: Look[] = [];
  const decided = new Set<string>();
  for (let look = 0; ; look++) {
    const seedsOf = Object.fromEntries([...own].map(([variant, list]) => [variant, [...list]]));
    const found = await growing.run(seedsOf, levels[look]);
    if (!found) return null;
    const { study, comparison, failed = false } = found;
    for (const claim of comparison.claims)
      if (!isBeyondSeeds(claim) && isDecided(claim.claimed, claim.difference))
        decided.add(nameOfClaim(claim));
    taken.push({ look: look + 1, alpha: levels[look], seedsOf, decided: [...decided] });
    const open = comparison.claims.filter((claim) => !decided.has(nameOfClaim(claim)));
    say(
      `look ${look + 1} of ${looks}, at ${levels[look].toPrecision(2)}: ${comparison.claims.length - open.length} of ${comparison.claims.length} claims decided`,
    );
    if (failed) return { study, looks: taken, stopped: 'failed' };
    if (open.length === 0) return { study, looks: taken, stopped: 'decided' };
    // A claim about a step after the model is of models that are there: it is decided at 95 % or not at all.
    const trained = open.filter(
      (claim) => !isBeyondSeeds(claim) && own.has(claim.variant) && own.has(claim.against),
    );
    if (trained.length === 0) return { study, looks: taken, stopped: 'exhausted' };
    if (look + 1 === looks) return { study, looks: taken, stopped: 'looks' };
    const wanted = chooseVariants(
      trained.map((claim) => ({
        sides: [claim.against, claim.variant],
        narrows: growing.narrows(study, claim),
      })),
      growing.secondsOfSeed(study),
      budget - elapsed(),
    );
    if (wanted.size === 0) return { study, looks: taken, stopped: 'budget' };
    for (const variant of wanted) {
      const list = own.get(variant) ?? [];
      own.set(variant, [...list, Math.max(-1, ...list) + 1]);
    }
  }
}

/** Whether the study is too small for a claim in a way that seeds do not change: its data, its groups, how well it learns. */
function isBeyondSeeds({ verdict, difference }: ComparedClaim): boolean {
  return verdict === 'too small to tell' && difference.trainingNoise !== 'unknown';
}

const nameOfClaim = ({ variant, against }: { variant: string; against: string }): string =>
  `${variant} against ${against}`;

/** Variants that get another seed: claim by claim, the most narrowing for its time first, as long as time is left. */
export function chooseVariants(
  claims: readonly { readonly sides: readonly string[]; readonly narrows: number }[],
  secondsOfSeed: number,
  seconds: number,
): Set<string> {
  const chosen = new Set<string>();
  const left = [...claims];
  const lacking = ({ sides }: (typeof claims)[number]): number =>
    sides.filter((side) => !chosen.has(side)).length;
  while (left.length > 0) {
    // What is there already costs nothing.
    const worth = left.map((claim) => claim.narrows / Math.max(lacking(claim), 1e-9));
    const [claim] = left.splice(worth.indexOf(Math.max(...worth)), 1);
    if ((chosen.size + lacking(claim)) * secondsOfSeed > seconds) continue;
    for (const side of claim.sides) chosen.add(side);
  }
  return chosen;
}
