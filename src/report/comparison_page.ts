import * as path from 'node:path';
import { type ComparedPair, type Comparison, compareRuns } from '../evaluation/compare';
import { HEADLINE } from '../metrics/headline';
import { formatInterval } from '../metrics/statistics/interval';
import { intervalFigure } from '../plots/evaluation_figures';
import { escapeXml } from '../plots/svg';
import { RunFolder } from '../runs/run_folder';
import { validationSubset } from '../runs/validation_subset';
import { figure, htmlPage, table } from './html';
import { curvesSection, provenanceSection, settingsSection } from './sections';

/** The page of several runs: each against the first on the same images, with intervals; then what each one did. */
export async function comparisonPage(runs: readonly string[]): Promise<string> {
  const comparison = await compareRuns(runs, {});
  const names = namesOf(runs);
  const name = (run: string): string => names.get(run) ?? run;
  const differences = comparison.pairs.filter(({ metric }) => metric === 'AP50');
  return htmlPage(`${runs.length} runs compared`, [
    `<p class="lead">Each run against ${escapeXml(name(runs[0]))}, on the same ${comparison.pairs[0]?.groups ?? 0} groups of images. Intervals are of 95 %.</p>`,
    metricTable(comparison, runs, name),
    '<h2>Differences</h2>',
    table(
      ['run', 'metric', 'difference', '95 % interval', ''],
      comparison.pairs.map((pair) => [
        name(pair.b),
        HEADLINE.find(({ key }) => key === pair.metric)?.name ?? pair.metric,
        shown(pair.difference),
        `${shown(pair.low)} to ${shown(pair.high)}`,
        pair.verdict,
      ]),
    ),
    figure(
      intervalFigure(
        differences.map((pair: ComparedPair) => ({
          name: name(pair.b),
          value: pair.difference,
          low: pair.low,
          high: pair.high,
        })),
        `AP50 less that of ${name(runs[0])}`,
        'difference of AP50',
      ),
    ),
    ...comparison.notes.map((note) => `<p class="small">${escapeXml(note)}</p>`),
    ...comparison.orders.filter(({ disagree }) => disagree).map(({ text }) => `<p>${escapeXml(text)}</p>`),
    ...runs.flatMap((run) => [
      `<h2>${escapeXml(name(run))}</h2>`,
      curvesOf(run, `Losses of ${name(run)}`),
      settingsSection(run),
      provenanceSection(run),
    ]),
  ]);
}

function curvesOf(run: string, title: string): string {
  const folder = RunFolder.open(run);
  const { config, split } = folder.describe();
  return curvesSection(folder.metrics(), title, validationSubset(config, split));
}

function metricTable(
  { metrics }: Comparison,
  runs: readonly string[],
  name: (run: string) => string,
): string {
  return table(
    ['run', ...HEADLINE.map(({ name: shown }) => shown)],
    runs.map((run) => [
      name(run),
      ...HEADLINE.map(({ key }) => {
        const found = metrics.find((row) => row.run === run && row.metric === key);
        return found ? formatInterval(found.interval) : '–';
      }),
    ]),
  );
}

/** Experiment, variant and seed; the folder's name where two runs would have the same. */
function namesOf(runs: readonly string[]): Map<string, string> {
  const short = runs.map((run) => {
    const { experiment, variant, config } = RunFolder.open(run).describe();
    return `${experiment}:${variant}, seed ${config.seed}`;
  });
  return new Map(
    runs.map((run, i) => [
      run,
      short.filter((other) => other === short[i]).length > 1 ? path.basename(run) : short[i],
    ]),
  );
}

const shown = (value: number | null): string => value?.toFixed(3) ?? '–';
