import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import {
  blockLimit,
  detectionLimitFactor,
  firstOfBlocks,
  topKOfBlocks,
} from '../../src/models/detection_limits';

describe('limits of proposals, block by block', () => {
  const level = (gridHeight: number, gridWidth: number) => ({
    gridHeight,
    gridWidth,
    strideY: 16,
    strideX: 16,
    base: new Float32Array(12),
  });

  it('choose in a block what they choose in it alone', () => {
    const rng = createRng('blocks');
    const [height, width, shapes] = [6, 8, 3];
    const logits = Float32Array.from({ length: height * width * shapes }, () => rng.normal());
    const chosen = new Set(topKOfBlocks(logits, level(height, width), 5, 32));
    // Blocks of 32 pixels are 2 x 2 cells of a grid of stride 16.
    for (let top = 0; top < height; top += 2)
      for (let left = 0; left < width; left += 2) {
        const rows = [0, 1].flatMap((y) =>
          [0, 1].flatMap((x) => [0, 1, 2].map((a) => ((top + y) * width + left + x) * shapes + a)),
        );
        const best = rows.sort((a, b) => logits[b] - logits[a]);
        assert.deepEqual(
          best.map((row) => chosen.has(row)),
          best.map((_, i) => i < 5),
        );
      }
  });

  it('keep the first boxes of each block, by their centres', () => {
    const boxes = Float32Array.of(0, 0, 10, 10, 2, 2, 12, 12, 40, 0, 50, 10, 20, 20, 42, 42, 1, 1, 9, 9);
    assert.deepEqual([...firstOfBlocks(boxes, Int32Array.of(4, 2, 0, 3, 1), 2, 32)], [4, 2, 0]);
  });

  it('are the share of a block, twice: 1,000 for 512 x 512', () => {
    assert.equal(blockLimit(1000, 128), 125);
    assert.equal(detectionLimitFactor(512 * 512), 2);
    assert.equal(detectionLimitFactor(100), 1);
  });
});
