import { evaluateRun } from '../engine/evaluation/evaluate';
import type { Study } from '../engine/study/run_study';
import {
  type Cells,
  claimCells,
  runCells,
  stepCells,
  sweepOf,
  thresholdCells,
  variantCells,
} from './experiment_tables';

/** The tables of an experiment's page as Markdown, to be quoted. */
export async function experimentMarkdown({ experiment, comparison, variants, runs }: Study): Promise<string> {
  const looks = experiment.looks ?? [];
  const [evaluation] = variants[0].evaluations;
  const parts = [markdownTable(variantCells(comparison.rows))];
  if (comparison.claims.length) parts.push(markdownTable(claimCells(comparison.claims)));
  if (looks.includes('thresholds'))
    parts.push(markdownTable(thresholdCells(evaluation, sweepOf(evaluation))));
  if (looks.includes('refinement')) {
    const { ablation = [] } = await evaluateRun(runs[0].run, { stored: true, ablate: true });
    parts.push(markdownTable(stepCells(ablation)));
  }
  parts.push(markdownTable(runCells(runs)));
  return parts.join('\n');
}

function markdownTable([header, rows]: Cells): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('');
}
