import type { FoundShare } from '../metrics/breakdown';
import type { CocoScores, CocoSummary } from '../metrics/coco_summary';

const COLUMNS = ['AP', 'AP50', 'AP75', 'AR', 'APsmall', 'APmedium', 'APlarge'] as const;

/** A table: all classes, then each one; `-` where a class has no truth. */
export function formatScores(title: string, summary: CocoSummary, classes: readonly string[]): string {
  const width = Math.max(8, ...classes.map((name) => name.length));
  const line = (name: string, scores: CocoScores): string =>
    `${name.padEnd(width)}${COLUMNS.map((key) => formatScore(scores[key]).padStart(10)).join('')}`;
  return [
    `${title.padEnd(width)}${COLUMNS.map((key) => key.padStart(10)).join('')}`,
    line('all', summary),
    ...classes.map((name, k) => line(name, summary.perClass[k])),
    `at most ${summary.maxDets} detections counted per image and class`,
  ].join('\n');
}

/** Four decimals; `-` for COCO's -1 (nothing to find) and for null. */
export function formatScore(value: number | null): string {
  return value === null || value < 0 ? '-' : value.toFixed(4);
}

/** Cells found of those there, part by part. */
export function formatShares(shares: readonly FoundShare[]): string {
  return shares.map(({ name, found, truths }) => `${name} ${found}/${truths}`).join(', ');
}

/** Truth by row, what it was taken for by column; the last of both is background. */
export function formatConfusion(
  classes: readonly string[],
  matrix: readonly (readonly number[])[],
): string[] {
  const names = [...classes, 'background'];
  const width = Math.max(...names.map(({ length }) => length), 6) + 2;
  const row = (name: string, cells: readonly (string | number)[]): string =>
    `${name.padEnd(width)}${cells.map((cell) => String(cell).padStart(width)).join('')}`;
  return [row('truth \\ found', names), ...matrix.map((cells, r) => row(names[r], cells))];
}
