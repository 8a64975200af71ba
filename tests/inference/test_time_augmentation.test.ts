import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import type { Instances } from '../../src/geometry/instances';
import { encodeMask } from '../../src/geometry/rle';
import {
  DEFAULT_VIEWS,
  mergeViews,
  predictViews,
  unviewInstances,
  type View,
  viewImage,
} from '../../src/inference/test_time_augmentation';
import { drawing, drawn, instancesOf } from './postprocess/helpers';

const EVERY: View[] = [false, true].flatMap((mirror) =>
  [0, 1, 2, 3].map((turns) => ({ mirror, turns, scale: 1 })),
);

/** A model that takes what is bright for cells, each connected by its value: red 1, 2, … is the cell's number. */
function byColour({
  image,
  height,
  width,
}: {
  image: Uint8Array | Float32Array;
  height: number;
  width: number;
}): Instances {
  const numbers = Uint8Array.from({ length: height * width }, (_, p) => image[3 * p]);
  const values = [...new Set(numbers)].filter((value) => value > 0).sort();
  const masks = values.map((value) =>
    encodeMask(
      numbers.map((number) => (number === value ? 1 : 0)),
      height,
      width,
    ),
  );
  const scores = values.map((value) => 1 - value / 10);
  return instancesOf(
    masks,
    scores,
    values.map(() => 1),
    [height, width],
  );
}

describe('views of an image', () => {
  const rng = createRng('views');
  const picture = {
    height: 5,
    width: 7,
    image: Uint8Array.from({ length: 105 }, (_, i) =>
      i % 3 === 0 ? rng.integer(0, 4) : rng.integer(0, 256),
    ),
  };

  it('turn as their names say', () => {
    const small = { height: 1, width: 2, image: Uint8Array.of(1, 1, 1, 2, 2, 2) };
    assert.deepEqual([...viewImage(small, { mirror: true, turns: 0, scale: 1 }).image], [2, 2, 2, 1, 1, 1]);
    const turned = viewImage(small, { mirror: false, turns: 1, scale: 1 });
    assert.deepEqual(
      [turned.height, turned.width, ...turned.image],
      [2, 1, 1, 1, 1, 2, 2, 2],
      'left comes up',
    );
  });

  it('give back every mask and box, from each of the eight sides', () => {
    const expected = byColour(picture);
    for (const view of EVERY) {
      const back = unviewInstances(byColour(viewImage(picture, view)), view);
      assert.deepEqual(back.boxes, expected.boxes, JSON.stringify(view));
      assert.deepEqual(
        back.masks.map(({ size, counts }) => [[...size], [...counts]]),
        expected.masks.map(({ size, counts }) => [[...size], [...counts]]),
        JSON.stringify(view),
      );
    }
  });

  it('of a model that sees them all alike give its answer', () => {
    const scales: number[] = [];
    const found = predictViews(picture, (seen, scale) => {
      scales.push(scale);
      return byColour(seen);
    });
    const expected = byColour(picture);
    assert.deepEqual(
      scales,
      DEFAULT_VIEWS.map(({ scale }) => scale),
    );
    assert.deepEqual(
      found.masks.map(({ counts }) => [...counts]),
      expected.masks.map(({ counts }) => [...counts]),
    );
    found.scores.forEach((score, i) => {
      assert.ok(Math.abs(score - expected.scores[i]) < 1e-6);
    });
  });
});

describe('merged views', () => {
  const view = (drawings: string[], scores: number[], labels?: number[]): Instances =>
    drawn(drawings, scores, labels);

  it('take the mean box, the vote of the masks, and the mean score over all views', () => {
    // Shared pixels of the first two: 3 of 5, IoU 0.6. The third view sees nothing of class 1.
    const merged = mergeViews([
      view(['####. .....'], [0.8]),
      view(['.#### .....'], [0.4]),
      view(['..... ....#'], [0.6], [2]),
    ]);
    // Pixel 0 has 0.8 of 1.2 behind it, pixel 4 only 0.4.
    assert.equal(drawing(merged, 0), '####. .....');
    assert.deepEqual([...merged.labels], [1, 2]);
    assert.deepEqual(
      [...merged.scores].map((s) => Math.round(s * 1e4) / 1e4),
      [0.4, 0.2],
    );
    // Left: (0 * 0.8 + 1 * 0.4) / 1.2.
    assert.deepEqual(
      [...merged.boxes.subarray(0, 4)].map((v) => Math.round(v * 1e4) / 1e4),
      [0.3333, 0, 4.3333, 1],
    );
  });

  it('keep apart what one view shows as two, and what overlaps too little', () => {
    const two = view(['###. ....', '.### ....'], [0.9, 0.8]);
    assert.equal(mergeViews([two, two]).labels.length, 2);
    const far = mergeViews([view(['###. ....'], [0.9]), view(['..## ....'], [0.9])]);
    assert.equal(far.labels.length, 2);
  });

  it('join the cell they cover most', () => {
    const merged = mergeViews([
      view(['####. .....', '..### .....'], [0.9, 0.8]),
      view(['..### .....'], [0.7]),
    ]);
    assert.deepEqual(
      [...merged.scores].map((s) => Math.round(s * 100) / 100),
      [0.75, 0.45],
    );
    assert.equal(drawing(merged, 0), '..### .....');
  });

  it('of nothing are nothing; of one view that view', () => {
    const none = view(['#. ..'], [0.5]);
    const empty = {
      ...none,
      boxes: new Float32Array(0),
      scores: new Float32Array(0),
      labels: new Int32Array(0),
      masks: [],
    };
    assert.equal(mergeViews([empty, empty]).labels.length, 0);
    assert.equal(mergeViews([none]), none);
    assert.throws(
      () => mergeViews([none, view(['#.. ...'], [0.5])]),
      /expected instances of 2 x 2, got 2 x 3/,
    );
  });
});
