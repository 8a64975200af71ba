import { IGNORED, type RankedOutcomes, TRUE_POSITIVE } from './match';

/** Recall 0, 0.01 … 1, to the last bit as numpy.linspace makes them. */
export const RECALL_POINTS: Float64Array = Float64Array.from({ length: 101 }, (_, i) =>
  i === 100 ? 1 : i * 0.01,
);

export interface AveragePrecision {
  /** Mean of the precision, made monotonous, at `RECALL_POINTS`. */
  readonly ap: number;
  /** Share of true cells found by all detections. */
  readonly recall: number;
}

/** The stretches of true positives with no false one between; precision is highest at their ends. */
interface Runs {
  /** [runs] first detection, and the one after the last. */
  readonly begin: Int32Array;
  readonly end: Int32Array;
  /** [n] 0 for detections that are ignored; undefined where none is. */
  readonly counted?: Uint8Array;
}

/** Runs do not change with the weights of images: found once for each list of outcomes. */
const runsOf = new WeakMap<Uint8Array, Runs>();

// Scratch: weight of each detection, the sum of weights before it, true cells found and precision at the ends of runs.
let weights = new Float64Array(1024);
let sums = new Float64Array(1025);
let sheetSums = new Float64Array(1025);
let foundAt = new Float64Array(1024);
let precisions = new Float64Array(1024);

/**
 * Average precision over 101 recalls at each of the sheets (see `ClassMatches.outcomes`); weights are whole numbers.
 * Source: pycocotools cocoeval.py, accumulate (eps is np.spacing(1)).
 */
export function averagePrecisions(
  entry: RankedOutcomes,
  tables: readonly number[],
  positives: number,
  imageWeights?: ArrayLike<number>,
): AveragePrecision[] {
  const n = entry.outcomes[tables[0]]?.length ?? 0;
  if (weights.length < n) grow(2 * n);
  const needed = truthsNeeded(positives);
  if (!imageWeights)
    return tables.map((table) => meanPrecision(walk(entry.outcomes[table]), positives, needed));
  for (let i = 0; i < n; i++) weights[i] = imageWeights[entry.image[i]];
  accumulate(sums, n);
  return tables.map((table) => meanPrecision(walkWeighted(entry.outcomes[table]), positives, needed));
}

/** Fills `foundAt` and `precisions` at the ends of runs; returns their number. */
function walk(outcomes: Uint8Array): number {
  let [n, found, wrong, inRun] = [0, 0, 0, false];
  const close = (): void => {
    foundAt[n] = found;
    precisions[n++] = found / (wrong + found + Number.EPSILON);
  };
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i];
    if (outcome === TRUE_POSITIVE) {
      found++;
      inRun = true;
    } else if (outcome !== IGNORED) {
      if (inRun) close();
      inRun = false;
      wrong++;
    }
  }
  if (inRun) close();
  return n;
}

/** The same with weights, from sums of them: the work of a thousand resamples grows with the runs alone. */
function walkWeighted(outcomes: Uint8Array): number {
  let runs = runsOf.get(outcomes);
  if (!runs) {
    runs = findRuns(outcomes);
    runsOf.set(outcomes, runs);
  }
  const { begin, end, counted } = runs;
  if (counted) accumulate(sheetSums, outcomes.length, counted);
  const before = counted ? sheetSums : sums;
  let found = 0;
  for (let i = 0; i < begin.length; i++) {
    const all = before[end[i]];
    found += all - before[begin[i]];
    foundAt[i] = found;
    precisions[i] = found / (all + Number.EPSILON);
  }
  return begin.length;
}

/** Mean over the 101 recalls of the best precision at that recall or beyond. */
function meanPrecision(n: number, positives: number, needed: Float64Array): AveragePrecision {
  const found = n > 0 ? foundAt[n - 1] : 0;
  let sum = 0;
  let best = 0;
  let r = 100;
  // Recalls that are not reached have no precision.
  while (r >= 0 && needed[r] > found) r--;
  // Recall 0 is reached even by nothing, with precision 0.
  for (let i = n - 1; i >= 0 && r >= 0; i--) {
    if (precisions[i] > best) best = precisions[i];
    const earlier = i > 0 ? foundAt[i - 1] : -1;
    for (; r >= 0 && needed[r] > earlier; r--) sum += best;
  }
  return { ap: sum / 101, recall: found / positives };
}

/** For each recall the fewest true cells whose share, as a quotient of doubles, reaches it. */
function truthsNeeded(positives: number): Float64Array {
  const needed = new Float64Array(101);
  for (let r = 0; r <= 100; r++) {
    let count = Math.max(0, Math.floor(RECALL_POINTS[r] * positives) - 1);
    while (count / positives < RECALL_POINTS[r]) count++;
    needed[r] = count;
  }
  return needed;
}

/** Sums of the weights before each detection. */
function accumulate(into: Float64Array, n: number, counted?: Uint8Array): void {
  let sum = 0;
  into[0] = 0;
  for (let i = 0; i < n; i++) {
    sum += counted ? weights[i] * counted[i] : weights[i];
    into[i + 1] = sum;
  }
}

function findRuns(outcomes: Uint8Array): Runs {
  const [begin, end]: [number[], number[]] = [[], []];
  let [open, ignored] = [false, false];
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes[i] === IGNORED) ignored = true;
    else if (outcomes[i] === TRUE_POSITIVE) {
      if (open) end[end.length - 1] = i + 1;
      else {
        begin.push(i);
        end.push(i + 1);
        open = true;
      }
    } else open = false;
  }
  return {
    begin: Int32Array.from(begin),
    end: Int32Array.from(end),
    ...(ignored ? { counted: outcomes.map((outcome) => (outcome === IGNORED ? 0 : 1)) } : {}),
  };
}

function grow(n: number): void {
  weights = new Float64Array(n);
  sums = new Float64Array(n + 1);
  sheetSums = new Float64Array(n + 1);
  foundAt = new Float64Array(n);
  precisions = new Float64Array(n);
}
