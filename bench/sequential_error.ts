// How often `experiment --until-decided` claims a difference that is not there: five looks at growing studies of four equal
// variants, through the comparison that the command uses.
//   npm run build && node dist/bench/sequential_error.js [studies]      about two minutes for 1,000
import { createRng, type Rng } from '../src/core/rng';
import { IOU_THRESHOLDS } from '../src/metrics/coco/match';
import type { Tally } from '../src/metrics/tally';
import { compareVariants, type StudyComparison, type VariantTallies } from '../src/studies/comparison';
import { runUntilDecided } from '../src/studies/until_decided';

/** Groups, with how hard each is for all models. */
function drawGroups(rng: Rng, groups: number): Float64Array {
  return Float64Array.from({ length: groups }, () => rng.normal(0, 0.1));
}

/**
 * A tally of one class: in each group 30 cells, of which a share is found that hangs on the group and on the training (or,
 * with folds, on the model of the group's fold), with some false detections among them.
 */
export function drawTally(
  rng: Rng,
  difficulty: Float64Array,
  foldOf: readonly number[] | null,
  better = 0,
): Tally {
  const cells = 30;
  const models = Array.from({ length: foldOf ? Math.max(...foldOf) + 1 : 1 }, () => rng.normal(0, 0.03));
  const rows: { score: number; image: number; found: boolean }[] = [];
  for (const [g, hard] of difficulty.entries()) {
    const share = 0.6 + better + hard + models[foldOf?.[g] ?? 0] + rng.normal(0, 0.03);
    for (let i = 0; i < cells; i++)
      if (rng.chance(Math.min(0.98, Math.max(0.02, share))))
        rows.push({ score: rng.uniform(0.3, 1), image: g, found: true });
    for (let i = 0; i < 10; i++) rows.push({ score: rng.uniform(0, 0.9), image: g, found: false });
  }
  rows.sort((a, b) => b.score - a.score);
  const outcome = Uint8Array.from(rows, ({ found }) => (found ? 1 : 0));
  const tp = (g: number): number => rows.filter(({ image, found }) => image === g && found).length;
  return {
    images: difficulty.length,
    iouThresholds: IOU_THRESHOLDS,
    classes: [
      {
        image: Int32Array.from(rows, ({ image }) => image),
        outcomes: IOU_THRESHOLDS.map(() => outcome),
        positives: [new Int32Array(difficulty.length).fill(cells)],
      },
    ],
    cells: Array.from(difficulty, (_, g) => {
      const found = { tp: tp(g), fp: 10, fn: cells - tp(g) };
      const matched = { ...found, iou: 0.75 * found.tp };
      const foreground = { groundTruth: 3000, found: 3000, shared: 2000 };
      const five = [found, found, found, found, found];
      return {
        id: `g${g}`,
        perClass: [matched],
        binary: matched,
        f1: five,
        f1PerClass: five.map((one) => [one]),
        aji: found.tp / (cells + 10),
        ajiPlus: found.tp / (cells + 10),
        foreground,
      };
    }),
  };
}

/** A study of `variants` variants that can grow by seeds, `better` by so much than the first. */
export function growingStudy(
  rng: Rng,
  { groups, folds, better }: { groups: number; folds: number | null; better: readonly number[] },
) {
  const difficulty = drawGroups(rng, groups);
  const foldOf = folds === null ? null : Array.from({ length: groups }, (_, g) => g % folds);
  const ids = Array.from({ length: groups }, (_, g) => `g${g}`);
  const images = { ids, groupOf: ids, foldOf };
  const names = better.map((_, v) => `v${v}`);
  const drawn = new Map<string, Tally>();
  const tally = (v: number, seed: number): Tally => {
    const key = `${v} ${seed}`;
    const known = drawn.get(key) ?? drawTally(rng.fork(key), difficulty, foldOf, better[v]);
    drawn.set(key, known);
    return known;
  };
  const claims = names.slice(1).map((variant) => ({ variant, difference: 0.05, words: '' }));
  const run = async (
    seedsOf: Readonly<Record<string, readonly number[]>>,
    alpha: number,
  ): Promise<{ study: VariantTallies[]; comparison: StudyComparison }> => {
    const study = names.map((variant, v) => ({
      variant,
      seeds: seedsOf[variant],
      tallies: seedsOf[variant].map((seed) => tally(v, seed)),
      images,
    }));
    return {
      study,
      comparison: compareVariants(study, { claims }, { preset: 'cpu', synthetic: false, alpha }),
    };
  };
  return { names, growing: { run, secondsOfSeed: () => 1, narrows: () => 0.1 } };
}

/** Share of studies of equal variants in which a difference was claimed at any look, and the mean number of looks. */
export async function sequentialError(
  studies: number,
  design: { groups: number; folds: number | null; variants: number },
  seed: number,
): Promise<{ claimed: number; looks: number; decided: number }> {
  const rng = createRng(seed).fork('sequential');
  let [claimed, looks, decided] = [0, 0, 0];
  for (let i = 0; i < studies; i++) {
    let any = false;
    const { names, growing } = growingStudy(rng.fork(i), {
      ...design,
      better: new Array<number>(design.variants).fill(0),
    });
    const watched = {
      ...growing,
      run: async (...args: Parameters<typeof growing.run>) => {
        const found = await growing.run(...args);
        any ||= found.comparison.claims.some(({ difference }) => difference.shown);
        return found;
      },
    };
    const done = await runUntilDecided(watched, {
      variants: names,
      seeds: [0],
      budget: 1e9,
      elapsed: () => 0,
    });
    if (any) claimed++;
    looks += (done?.looks.length ?? 0) / studies;
    if (done?.stopped === 'decided') decided++;
  }
  return { claimed: claimed / studies, looks, decided: decided / studies };
}

async function main(): Promise<void> {
  const studies = Number(process.argv[2] ?? 1000);
  process.stdout.write('| design | claim one | looks | decided |\n|---|---|---|---|\n');
  for (const [name, design] of [
    ['one split, 15 groups, four variants', { groups: 15, folds: null, variants: 4 }],
    ['five folds, 15 groups, four variants', { groups: 15, folds: 5, variants: 4 }],
  ] as const) {
    const { claimed, looks, decided } = await sequentialError(studies, design, 1);
    process.stdout.write(
      `| ${name} | ${(100 * claimed).toFixed(1)} % | ${looks.toFixed(1)} | ${(100 * decided).toFixed(0)} % |\n`,
    );
  }
}

if (require.main === module) void main();
