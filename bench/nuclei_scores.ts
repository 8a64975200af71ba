// What the model `nuclei` finds in images that it has not been trained on, by kind of image: AP50 of masks, and F1 at IoU 0.5
// and 0.7 at a score of 0.5, with 95 % intervals over images. KINDS is a JSON object from image id to kind.
//   node dist/bench/nuclei_scores.js DATA SPLIT.json KINDS.json [MODEL]
import { readJson } from '../src/core/files';
import { evaluateRun } from '../src/evaluation/evaluate';
import { countCells } from '../src/metrics/cells/counts';
import { matchCells } from '../src/metrics/cells/match';
import { summarizeCells } from '../src/metrics/cells/summary';
import { detectionsOf } from '../src/metrics/evaluation_image';
import { formatInterval, intervals } from '../src/metrics/statistics/interval';
import { cocoStatistics } from '../src/metrics/statistics/statistics';
import { tallyOf } from '../src/metrics/tally';

async function main([data, split, kindsFile, model = 'nuclei']: readonly string[]): Promise<void> {
  const { set, predictions, about, segm, ids } = await evaluateRun(model, { data, split, part: 'val' });
  const kinds = readJson<Record<string, string>>(kindsFile);
  const classes = about.classes.length;
  console.log('| kind | images | nuclei | AP50 | F1 at IoU 0.5 | F1 at IoU 0.7 |\n|---|---|---|---|---|---|');
  for (const kind of [...new Set(ids.map((id) => kinds[id])), 'all']) {
    const rows = [...ids.keys()].filter((i) => kind === 'all' || kinds[ids[i]] === kind);
    const truth = rows.map((i) => set.groundTruth[i]);
    const found = rows.map((i) => predictions[i]);
    const tally = tallyOf(truth, found, { classes, thresholds: about.thresholds, maxDets: segm.maxDets });
    const ap50 = cocoStatistics(tally, ['AP50']);
    const cells = truth.map((image, i) =>
      countCells(matchCells(image, detectionsOf(found[i]), about.thresholds), classes),
    );
    const [first, ...others] = intervals(
      rows.map((i) => ids[i]),
      (weights) => {
        const { f1At } = summarizeCells(cells, weights);
        return [
          ...ap50(weights),
          ...[0.5, 0.7].map((iou) => f1At.find((one) => one.iou === iou)?.f1 ?? null),
        ];
      },
    );
    const nuclei = truth.reduce((sum, { labels }) => sum + labels.length, 0);
    const cell = [first, ...others].map((one) => formatInterval(one).replace(/, \d+ groups/, ''));
    console.log(`| ${kind} | ${rows.length} | ${nuclei} | ${cell.join(' | ')} |`);
  }
}

void main(process.argv.slice(2));
