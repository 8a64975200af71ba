// What Albumentations 2.0.8 made of a small image, written by tests/fixtures/augmentation/make_golden.py.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { inflateSync } from 'node:zlib';
import { createRng } from '../../../src/core/rng';
import { applyTable, jitterColours, linearTable } from '../../../src/data/transforms/colour';
import { coordinateMap } from '../../../src/data/transforms/coordinates';
import { gridAxes, normalizeSteps } from '../../../src/data/transforms/distortion';
import { blurImage, gaussianKernel } from '../../../src/data/transforms/gaussian_blur';
import {
  type GeometryStep,
  geometryStep,
  quarterTurns,
  scaleStep,
} from '../../../src/data/transforms/geometry';
import { remapImage, turnPixels } from '../../../src/data/transforms/remap';
import type { BorderMode } from '../../../src/data/transforms/transforms';
import { fixturePath } from '../../support';

interface Packed {
  readonly shape: readonly number[];
  readonly dtype: 'uint8' | 'float32';
  readonly data: string;
}

interface Case {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each transform has its own parameters, read where they are used.
  readonly parameters: Record<string, any>;
  readonly result: Packed;
}

function bytes(packed: Packed): Uint8Array {
  return new Uint8Array(inflateSync(Buffer.from(packed.data, 'base64')));
}

function floats(packed: Packed): Float32Array {
  return new Float32Array(bytes(packed).buffer);
}

const golden = JSON.parse(fs.readFileSync(fixturePath('augmentation', 'albumentations.json'), 'utf8')) as {
  image: Packed;
  cases: Case[];
};
const [height, width] = golden.image.shape;
const picture = (): Uint8Array => bytes(golden.image);

function distorted(step: GeometryStep, mode: BorderMode): Uint8Array {
  return remapImage(picture(), width, height, coordinateMap([step]), { mode, fill: 0 });
}

/** The same transform with the same parameters, by our code. */
function ours({ name, parameters: p }: Case): Uint8Array {
  const image = picture();
  switch (name) {
    case 'HorizontalFlip':
    case 'VerticalFlip': {
      const step = geometryStep({ name }, { width, height }, createRng(0));
      if (step?.kind !== 'turn') throw new Error('a flip is a turn');
      return turnPixels(image, width, 3, step);
    }
    case 'RandomRotate90':
      return turnPixels(image, width, 3, quarterTurns({ width, height }, p.turns));
    case 'RandomBrightnessContrast':
      applyTable(image, linearTable(p.factor, p.shift));
      return image;
    case 'ColorJitter':
      jitterColours(image, p as Parameters<typeof jitterColours>[1]);
      return image;
    case 'GaussianBlur':
      return blurImage(image, width, height, gaussianKernel(p.sigma, p.size));
    case 'GridDistortion': {
      const steps = p.normalized
        ? { x: normalizeSteps(p.steps.x, width, 5), y: normalizeSteps(p.steps.y, height, 5) }
        : p.steps;
      const axes = gridAxes({ width, height }, steps, 5);
      near(axes.columns, floats(p.columns), 1e-4);
      near(axes.rows, floats(p.rows), 1e-4);
      return distorted({ kind: 'grid', width, height, ...axes, border: 'constant', fill: 0 }, 'constant');
    }
    case 'ElasticTransform':
      return distorted(
        {
          kind: 'displacement',
          width,
          height,
          dx: floats(p.dx),
          dy: floats(p.dy),
          border: p.borderMode,
          fill: 0,
        },
        p.borderMode,
      );
    case 'Scale':
      return distorted(scaleStep({ width, height }, p.factor), 'replicate');
    default:
      throw new Error(`no case for ${name}`);
  }
}

function near(got: Float32Array, expected: Float32Array, tolerance: number): void {
  assert.equal(got.length, expected.length);
  got.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${i}: ${value} and ${expected[i]}`);
  });
}

describe('transforms beside Albumentations 2.0.8', () => {
  for (const name of [...new Set(golden.cases.map((each) => each.name))])
    it(`${name}: ${/Grid|Elastic/.test(name) ? 'median difference at most 1, greatest at most 4' : 'at most one grey level'}`, () => {
      for (const each of golden.cases.filter((other) => other.name === name)) {
        const expected = bytes(each.result);
        const got = ours(each);
        assert.equal(got.length, expected.length);
        const differences = Array.from(got, (value, i) => Math.abs(value - expected[i])).sort(
          (a, b) => a - b,
        );
        const greatest = differences[differences.length - 1];
        const median = differences[differences.length >> 1];
        const exact = /Flip|Rotate/.test(name);
        const distortion = /Grid|Elastic/.test(name);
        const { columns, rows, dx, dy, ...shown } = each.parameters;
        const told = `${name} ${JSON.stringify(shown)}: median ${median}, greatest ${greatest}`;
        assert.ok(greatest <= (exact ? 0 : distortion ? 4 : 1) && median <= 1, told);
      }
    });
});
