// How often 95 % intervals of a difference hold the true one, and how wide they are beside those of who knows every
// variance; then how often an experiment of seven comparisons without any difference claims one.
//   npm run build && node dist/bench/interval_coverage.js [studies]      about a minute for 10,000
import { createRng } from '../src/core/rng';
import { crossedDifference, differenceP, poolTrainingNoise } from '../src/metrics/statistics/crossed';
import { studentInterval } from '../src/metrics/statistics/interval';
import { holm } from '../src/metrics/statistics/multiple';
import { drawStudy, layoutOf, oracleHalfWidth, type SimulatedDesign, type Spread } from './simulated_studies';

/** Designs of the first comparison of a study; the other variants serve to tell training noise. */
export const DESIGNS: Readonly<Record<string, Pick<SimulatedDesign, 'seeds' | 'folds'>>> = {
  'one seed, noise from another variant of five': { seeds: [1, 1, 5], folds: 1 },
  'one seed, noise from three variants of three': { seeds: [1, 1, 3, 3, 3], folds: 1 },
  'three seeds, two variants': { seeds: [3, 3], folds: 1 },
  'three seeds, eight variants': { seeds: [3, 3, 3, 3, 3, 3, 3, 3], folds: 1 },
  'five folds, two variants': { seeds: [1, 1], folds: 5 },
  'five folds, three variants': { seeds: [1, 1, 1], folds: 5 },
  'five folds, eight variants': { seeds: [1, 1, 1, 1, 1, 1, 1, 1], folds: 5 },
  'five folds of three seeds, three variants': { seeds: [3, 3, 3], folds: 5 },
};

/** Training noise of a value, beside what groups leave in a difference of 15: small, as large, larger. */
export const SPREADS: Readonly<Record<string, Spread>> = {
  'little noise': { group: 0.1, variantByGroup: 0.04, training: 0.002, rest: 0.01 },
  'noise as groups': { group: 0.1, variantByGroup: 0.04, training: 0.01, rest: 0.02 },
  'much noise': { group: 0.1, variantByGroup: 0.03, training: 0.02, rest: 0.02 },
};

export interface Coverage {
  /** Share of intervals that hold the true difference. */
  readonly held: number;
  /** Mean half-width over that of the oracle. */
  readonly width: number;
}

export function coverageOf(design: SimulatedDesign, studies: number, seed: number): Coverage {
  const rng = createRng(seed).fork('coverage');
  const layout = layoutOf(design);
  const oracle = oracleHalfWidth(design, design.seeds[0]);
  let [held, width] = [0, 0];
  for (let i = 0; i < studies; i++) {
    const variants = drawStudy(rng, design);
    const noise = poolTrainingNoise(variants);
    const found = crossedDifference(variants[0], variants[1], layout, { noise, others: variants });
    if (!found) throw new Error('no estimate');
    const { low, high } = studentInterval(found, [-1, 1]);
    if (low <= 0 && high >= 0) held++;
    width += (high - low) / 2 / oracle / studies;
  }
  return { held: held / studies, width };
}

/** Share of studies of eight equal variants that claim any of seven differences to the first. */
export function falseClaims(design: SimulatedDesign, studies: number, seed: number): number {
  const rng = createRng(seed).fork('false claims');
  const layout = layoutOf(design);
  let claimed = 0;
  for (let i = 0; i < studies; i++) {
    const [first, ...others] = drawStudy(rng, design);
    const noise = poolTrainingNoise([first, ...others]);
    const p = others.map((other) => {
      const found = crossedDifference(first, other, layout, { noise, others: [first, ...others] });
      return found && differenceP(found, design.groups);
    });
    if (holm(p, 0.05).includes(true)) claimed++;
  }
  return claimed / studies;
}

function main(): void {
  const studies = Number(process.argv[2] ?? 10_000);
  process.stdout.write('| design | groups | spread | holds | width / oracle |\n|---|---|---|---|---|\n');
  for (const [name, design] of Object.entries(DESIGNS))
    for (const groups of [5, 8, 14, 15, 27, 60])
      for (const [amount, spread] of Object.entries(SPREADS)) {
        const { held, width } = coverageOf({ ...design, groups, spread }, studies, 1);
        process.stdout.write(
          `| ${name} | ${groups} | ${amount} | ${(100 * held).toFixed(1)} % | ${width.toFixed(2)} |\n`,
        );
      }
  process.stdout.write(
    '\n| seven comparisons, no difference | groups | spread | claim one |\n|---|---|---|---|\n',
  );
  for (const [name, seeds, folds] of [
    ['one seed, noise from three of three', [1, 1, 1, 1, 1, 3, 3, 3], 1],
    ['three seeds', [3, 3, 3, 3, 3, 3, 3, 3], 1],
    ['five folds', [1, 1, 1, 1, 1, 1, 1, 1], 5],
  ] as const)
    for (const groups of [5, 15, 27])
      for (const [amount, spread] of Object.entries(SPREADS)) {
        const share = falseClaims({ seeds, folds, groups, spread }, studies, 2);
        process.stdout.write(`| ${name} | ${groups} | ${amount} | ${(100 * share).toFixed(1)} % |\n`);
      }
}

if (require.main === module) main();
