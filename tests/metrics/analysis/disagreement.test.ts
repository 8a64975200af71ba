// Four cells of 8 x 8; every number by hand.

import assert from 'node:assert/strict';
import type { Instances } from '../../../src/geometry/instances';
import { explainDisagreement, type RunView, viewRun } from '../../../src/metrics/analysis/disagreement';
import { detectionsOf, groundTruthFromInstances } from '../../../src/metrics/evaluation_image';
import { instancesOf, near, rectangle } from '../helpers';

const cells = [0, 1, 2, 3].map((i) => rectangle([(i % 2) * 20, Math.floor(i / 2) * 20, 8, 8], 40, 40));
const groundTruth = groundTruthFromInstances('a', instancesOf(cells));
const view = (found: Instances): RunView => viewRun([groundTruth], [detectionsOf(found)], 1);
/** Moved right by `shift`: IoU (8 - shift) / (8 + shift). */
const moved = (shift: number) =>
  [0, 1, 2, 3].map((i) => rectangle([(i % 2) * 20 + shift, Math.floor(i / 2) * 20, 8, 8], 40, 40));

describe('explainDisagreement', () => {
  it('names boundaries where masks fit better and fewer cells are found', () => {
    const loose = view(instancesOf(moved(2))); // all four, IoU 0.6
    const tight = view(instancesOf(cells.slice(0, 3))); // three of four, IoU 1
    near(loose.pq, 0.6);
    near(tight.pq, 3 / 3.5);
    const { disagree, boundaries, text } = explainDisagreement(loose, tight);
    assert(disagree && tight.AP50 < loose.AP50);
    near(boundaries, ((1 + 3 / 3.5) / 2) * 0.4);
    assert.match(text, /^AP50 -0\.\d+ but PQ \+0\.257: from boundaries/);
  });

  it('names scores where the order is as good and the threshold is not', () => {
    const low = view(instancesOf(cells, undefined, [0.4, 0.3, 0.3, 0.2])); // all found, none over 0.5
    const high = view(instancesOf(cells.slice(0, 2), undefined, [0.9, 0.8]));
    const { disagree, scores, detection, text } = explainDisagreement(low, high);
    assert(disagree && scores > 0 && detection < 0);
    assert.match(text, /from scores/);
  });

  it('names duplicates where PQ does not see them', () => {
    const wide = [0, 1, 2, 3].map((i) => rectangle([(i % 2) * 20, Math.floor(i / 2) * 20, 8, 8], 40, 40));
    // Each cell twice: the second is covered altogether. Against it, three cells once and nothing wrong.
    const doubled = view(
      instancesOf(
        [...wide.slice(0, 3), ...wide.slice(0, 3), wide[3]],
        undefined,
        [0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.7],
      ),
    );
    const once = view(
      instancesOf([...wide.slice(0, 3), rectangle([20, 21, 8, 8], 40, 40)], undefined, [0.9, 0.9, 0.9, 0.7]),
    );
    near(doubled.pq, 1);
    near(doubled.duplicates, 3 / 7);
    const { disagree, duplicates, text } = explainDisagreement(doubled, once);
    // 7/9 of overlap at the fourth cell costs PQ 2/36; the duplicates cost AP50 a quarter of 3/7.
    assert(disagree && once.AP50 > doubled.AP50 && once.pq < doubled.pq);
    near(duplicates, -3 / 7);
    assert.match(text, /duplicates/);
  });

  it('says so where they agree', () => {
    const good = view(instancesOf(cells));
    const bad = view(instancesOf(cells.slice(0, 1)));
    const { disagree, text } = explainDisagreement(good, bad);
    assert.equal(disagree, false);
    assert.equal(text, 'AP50 and PQ agree on the order.');
    near(viewRun([], [], 1).pq, 0);
  });
});
