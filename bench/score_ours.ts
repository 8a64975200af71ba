// One cold run in a process of its own, as the peer's: node score_ours.js GT.json DT.json TYPE MAXDETS
import { peakRssMb } from '../src/core/process';
import { matchCocoResults } from '../src/metrics/coco/evaluate';
import { readCocoGroundTruth } from '../src/metrics/coco/ground_truth';
import { readCocoResults } from '../src/metrics/coco/results';
import { summarizeCoco } from '../src/metrics/coco/summary';

const [groundTruthFile, resultFile, type, maxDets] = process.argv.slice(2);
const start = performance.now();
const groundTruth = readCocoGroundTruth(groundTruthFile);
const matches = matchCocoResults(groundTruth, readCocoResults(resultFile, groundTruth), {
  type: type === 'bbox' ? 'bbox' : 'segm',
  maxDets: Number(maxDets),
});
const { AP, AP50, AP75 } = summarizeCoco(matches);
const seconds = (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ seconds, peakRssMb: peakRssMb(), AP, AP50, AP75 }));
