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
