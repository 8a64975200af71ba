import { PRIMARY } from '../metrics/headline';
import { MIN_GROUPS, type PairedInterval } from '../metrics/statistics/interval';
import { StudyIntervals } from '../metrics/statistics/study_intervals';
import { predictHalfWidth, type StudyDesign } from '../metrics/statistics/variance_parts';
import type { Study, StudyCost } from './study';
import { NO_CHANGE, tooSmall } from './verdict';

/** What a design would say of one claim. */
export interface PlannedClaim {
  readonly variant: string;
  readonly against: string;
  readonly claimed: number;
  /** Of the 95 % interval of the difference of AP50; null where training noise is not known. */
  readonly halfWidth: number | null;
  /** Whatever the difference is: the interval cannot hold zero and the claimed size both (a claim of none: its bound). */
  readonly decides: boolean;
  /** If the difference is what it seems to be now. */
  readonly likely: boolean;
}

/** One way to go on with a study, and what it costs. */
export interface PlannedDesign {
  readonly folds: number | null;
  readonly seeds: number;
  readonly groups: number;
  /** Runs in all, and those that are still to be made. */
  readonly runs: number;
  readonly newRuns: number;
  /** Of those, at the pace of the study's own runs and so many at once. */
  readonly seconds: number | null;
  readonly claims: readonly PlannedClaim[];
}

export interface StudyPlan {
  /** Claims with their half-width as it is. */
  readonly now: readonly (Omit<PlannedClaim, 'likely'> & { readonly difference: PairedInterval })[];
  readonly designs: readonly PlannedDesign[];
  /** What neither folds nor seeds would change. */
  readonly notes: readonly string[];
}

export interface PlanOptions {
  readonly cost: StudyCost | null;
  /** Runs at once. Default 1. */
  readonly jobs?: number;
  /** Default: those of the study, and 5 of them. */
  readonly folds?: readonly (number | null)[];
  /** Default 1 to 5. */
  readonly seeds?: readonly number[];
}

/** How wide the intervals of a study's claims would be with more folds or seeds, and what that takes. */
export function planStudy(study: Study, { cost, jobs = 1, ...options }: PlanOptions): StudyPlan {
  const { comparison, variants } = study;
  const [{ images }] = variants;
  const comparable = variants.filter((own) => own.images.ids.join('\n') === images.ids.join('\n'));
  const intervals = new StudyIntervals({
    ...images,
    tallies: comparable.map(({ tallies }) => tallies),
    noise: study.knownNoise ?? undefined,
  });
  const at = (name: string): number => comparable.findIndex(({ variant }) => variant === name);
  const planned = comparison.claims.filter(({ variant, against }) => at(variant) >= 0 && at(against) >= 0);
  const claims = planned.map((claim) => ({
    ...claim,
    parts: intervals.parts(at(claim.against), at(claim.variant), PRIMARY),
  }));
  const wanted = options.folds ?? [...new Set([study.folds, 5])];
  const designs = wanted.flatMap((folds) =>
    (options.seeds ?? [1, 2, 3, 4, 5]).map((seeds) => ({ folds, seeds })),
  );
  return {
    now: claims.map(({ variant, against, claimed, difference }) => {
      const { low, high } = difference;
      const halfWidth = low === null || high === null ? null : (high - low) / 2;
      return { variant, against, claimed, difference, halfWidth, decides: isEnough(claimed, halfWidth) };
    }),
    designs: designs
      .filter(({ folds }) => folds === null || folds <= study.data.allGroups)
      .map(({ folds, seeds }): PlannedDesign => {
        const groups = folds === null ? study.data.groups : study.data.allGroups;
        const design: StudyDesign = { groups, folds, seeds, variants: comparable.length };
        const runs = distinct(study) * seeds * (folds ?? 1);
        const made = folds === study.folds ? new Set(study.runs.map(({ run }) => run)).size : 0;
        const newRuns = Math.max(0, runs - made);
        return {
          folds,
          seeds,
          groups,
          runs,
          newRuns,
          seconds: cost && (newRuns * cost.secondsPerRun) / jobs,
          claims: claims.map(({ variant, against, claimed, difference, parts }) => {
            const halfWidth = parts && predictHalfWidth(parts, design);
            const value = difference.value ?? 0;
            const likely =
              halfWidth !== null &&
              (claimed === 0
                ? Math.abs(value) > halfWidth || Math.abs(value) + halfWidth <= NO_CHANGE
                : halfWidth < Math.max(Math.abs(value), Math.abs(value - claimed)));
            return { variant, against, claimed, halfWidth, decides: isEnough(claimed, halfWidth), likely };
          }),
        };
      }),
    notes: [
      ...(claims.some(({ parts }) => parts?.training === null)
        ? ['training noise is unknown: a pilot of two seeds or of folds (--seeds 0,1 or --folds 5) tells it']
        : []),
      ...new Set(
        comparison.claims.flatMap(({ difference }) => {
          const { groups, trainingNoise } = difference;
          const enough = {
            ...difference,
            groups: Math.max(groups, MIN_GROUPS),
            trainingNoise: 'included',
          } as const;
          const size = {
            preset: study.preset,
            synthetic: study.data.synthetic,
            comparisons: comparison.comparisons,
          };
          const small = tooSmall(trainingNoise === 'none' ? difference : enough, size);
          return small ? [`no verdict on the report, whatever the folds and seeds: ${small}`] : [];
        }),
      ),
      ...comparison.claims
        .filter((claim) => !planned.includes(claim))
        .map(
          ({ variant, against }) =>
            `${variant} against ${against} is a step after the model: more groups narrow it, seeds hardly`,
        ),
    ],
  };
}

/** By how much of itself one more seed a side narrows the interval of a claim; 1 where a second tells training noise first. */
export function narrowing(
  study: Study,
  { variant, against }: { readonly variant: string; readonly against: string },
): number {
  const seeds = study.seeds.length;
  const { designs } = planStudy(study, { cost: null, folds: [study.folds], seeds: [seeds, seeds + 1] });
  const [now, next] = designs.map(
    ({ claims }) =>
      claims.find((one) => one.variant === variant && one.against === against)?.halfWidth ?? null,
  );
  return now === null || next === null ? 1 : Math.max(0, (now - next) / now);
}

function isEnough(claimed: number, halfWidth: number | null): boolean {
  return halfWidth !== null && halfWidth < (claimed === 0 ? NO_CHANGE : Math.abs(claimed) / 2);
}

/** Variants that are runs of their own. */
function distinct({ variants }: Study): number {
  return new Set(variants.map(({ tallies }) => tallies[0])).size;
}
