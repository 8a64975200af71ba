import assert from 'node:assert/strict';
import { createRng, type Rng } from '../../../src/core/rng';
import { type DatasetRecord, recordToSample } from '../../../src/data/record';
import { syntheticDataset } from '../../../src/data/synthetic/synthesize';
import { augmentRecord, sampleRng } from '../../../src/data/transforms/augment';
import { elasticField } from '../../../src/data/transforms/distortion';
import { type GeometryStep, geometryStep } from '../../../src/data/transforms/geometry';
import {
  AUGMENTATION_LEVELS,
  checkTransforms,
  probability,
  type Transform,
} from '../../../src/data/transforms/transforms';

const WIDTH = 44;
const HEIGHT = 36;

/**
 * A image that tells where each of its pixels stands (red 5 x, green 6 y), with two label maps that overlap: class 1
 * numbers every pixel, class 2 every second one.
 */
function chart(): DatasetRecord {
  const pixels = WIDTH * HEIGHT;
  const image = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) image.set([(p % WIDTH) * 5, Math.floor(p / WIDTH) * 6, 128], p * 3);
  const every = Uint16Array.from({ length: pixels }, (_, p) => p + 1);
  const second = Int32Array.from({ length: pixels }, (_, p) => (p % 2 === 0 ? 100_000 + p : 0));
  return { id: 'chart', width: WIDTH, height: HEIGHT, image, labelMaps: [every, second], ignore: null };
}

function randomGeometry(rng: Rng): Transform {
  const makers: (() => Transform)[] = [
    () => ({ name: 'HorizontalFlip' }),
    () => ({ name: 'VerticalFlip' }),
    () => ({ name: 'RandomRotate90' }),
    () => ({ name: 'RandomCrop', width: rng.integer(20, 40), height: rng.integer(20, 40) }),
    () => ({ name: 'Scale', factor: rng.pick([0.7, 1.25, 1.5, 2]) }),
    () => ({ name: 'RandomScale', scaleLimit: [-0.3, 0.4] }),
    () => ({
      name: 'GridDistortion',
      numSteps: rng.integer(2, 6),
      normalized: rng.chance(0.5),
      borderMode: rng.pick(['constant', 'reflect101', 'replicate']),
    }),
    () => ({
      name: 'ElasticTransform',
      alpha: rng.uniform(10, 60),
      sigma: rng.uniform(3, 8),
      borderMode: rng.pick(['constant', 'reflect101', 'replicate']),
    }),
  ];
  return rng.pick(makers)();
}

/** Where a point of the output of `step` is in its input: written anew, point by point, in double precision. */
function pointBack(step: GeometryStep, x: number, y: number): [number, number] {
  if (step.kind === 'turn') {
    const [a, b, c, d, e, f] = step.matrix;
    return [a * x + b * y + c, d * x + e * y + f];
  }
  if (step.kind === 'scale') {
    const side = (at: number, length: number, input: number): number => {
      const source = ((at + 0.5) * input) / length - 0.5;
      return at < -0.5 || at > length - 0.5 ? source : Math.min(Math.max(source, 0), input - 1);
    };
    return [side(x, step.width, step.inputWidth), side(y, step.height, step.inputHeight)];
  }
  const between = (table: ArrayLike<number>, at: number): number => {
    const last = table.length - 1;
    if (at <= 0) return table[0] + at;
    if (at >= last) return table[last] + at - last;
    const k = Math.floor(at);
    return table[k] + (table[k + 1] - table[k]) * (at - k);
  };
  if (step.kind === 'grid') return [between(step.columns, x), between(step.rows, y)];
  const px = Math.min(Math.max(x, 0), step.width - 1);
  const py = Math.min(Math.max(y, 0), step.height - 1);
  const mix = (field: Float32Array): number => {
    const row = (k: number): number => {
      const at = Math.min(k, step.height - 1) * step.width;
      return between(field.subarray(at, at + step.width), px);
    };
    const top = Math.floor(py);
    return row(top) + (row(top + 1) - row(top)) * (py - top);
  };
  return [x + mix(step.dx), y + mix(step.dy)];
}

/** Mirrors or repeats a coordinate as the border mode says; -1 outside. */
function inside(at: number, length: number, mode: string): number {
  let k = at;
  if (mode === 'replicate') k = Math.min(Math.max(k, 0), length - 1);
  else if (mode === 'reflect101') while (k < 0 || k >= length) k = k < 0 ? -k : 2 * (length - 1) - k;
  return k >= 0 && k < length ? k : -1;
}

/** The steps that `augmentRecord` draws: the documented streams, drawn again. */
function drawnSteps(transforms: readonly Transform[], rng: Rng): GeometryStep[] {
  const steps: GeometryStep[] = [];
  let size = { width: WIDTH, height: HEIGHT };
  transforms.forEach((transform, i) => {
    const own = rng.fork(`${i}-${transform.name}`);
    if (!own.chance(probability(transform))) return;
    const step = geometryStep(transform, size, own) as GeometryStep;
    steps.push(step);
    size = step;
  });
  return steps;
}

async function checkPipeline(number: number): Promise<void> {
  const rng = createRng(`pipeline-${number}`);
  const transforms = Array.from({ length: rng.integer(1, 6) }, () => randomGeometry(rng));
  const record = chart();
  const sample = await augmentRecord(record, { transforms, minPixels: 1, minVisible: 0 }, rng.fork('draws'));
  const steps = drawnSteps(transforms, rng.fork('draws'));
  const told = `pipeline ${number}: ${JSON.stringify(transforms)}`;
  const last = steps[steps.length - 1] ?? { width: WIDTH, height: HEIGHT };
  assert.deepEqual([sample.width, sample.height], [last.width, last.height], told);
  const distortion = [...steps]
    .reverse()
    .find((step) => step.kind === 'grid' || step.kind === 'displacement');
  const mode = distortion && 'border' in distortion ? distortion.border : 'replicate';
  // What the sample says about each pixel: the mask of class 1 that covers it, found by its order (values rise).
  const expected = new Int32Array(sample.width * sample.height);
  const doubtful = new Uint8Array(expected.length);
  for (let p = 0; p < expected.length; p++) {
    let x = p % sample.width;
    let y = Math.floor(p / sample.width);
    for (let s = steps.length - 1; s >= 0; s--) [x, y] = pointBack(steps[s], x, y);
    // Within single precision of the border between two pixels either is right.
    const near = (v: number): boolean => Math.abs(v + 0.5 - Math.round(v + 0.5)) < 1e-3;
    doubtful[p] = near(x) || near(y) ? 1 : 0;
    const column = inside(Math.floor(x + 0.5), WIDTH, mode);
    const row = inside(Math.floor(y + 0.5), HEIGHT, mode);
    expected[p] = column < 0 || row < 0 ? 0 : row * WIDTH + column + 1;
    const at = p * 3;
    const onEdge = x < 0 || y < 0 || x > WIDTH - 1 || y > HEIGHT - 1;
    // The marker: colours say where the pixel comes from, to within one pixel of where its label comes from.
    if (expected[p] && !onEdge) {
      assert.ok(Math.abs(sample.image[at] / 5 - column) <= 1, told);
      assert.ok(Math.abs(sample.image[at + 1] / 6 - row) <= 1, told);
    }
  }
  for (const [label, numbers] of [
    [1, (value: number): number => value],
    [2, (value: number): number => (value > 0 && (value - 1) % 2 === 0 ? value : 0)],
  ] as const) {
    const got = paintedMasks(sample, label);
    const groups = new Map<number, number>();
    for (let p = 0; p < expected.length; p++) {
      if (doubtful[p]) continue;
      const value = numbers(expected[p]);
      assert.equal(got[p] > 0, value > 0, `${told}: class ${label}, pixel ${p}`);
      if (value === 0) continue;
      // One mask for one source value, and one source value for one mask.
      const known = groups.get(got[p]);
      if (known === undefined) groups.set(got[p], value);
      else assert.equal(value, known, `${told}: class ${label}, pixel ${p}`);
    }
    assert.equal(new Set(groups.values()).size, groups.size, told);
  }
}

/** Number of the mask of a class over each pixel, checking that boxes are the extents of the masks. */
function paintedMasks(sample: Awaited<ReturnType<typeof augmentRecord>>, label: number): Int32Array {
  const out = new Int32Array(sample.width * sample.height);
  sample.masks.forEach((mask, i) => {
    if (sample.labels[i] !== label) return;
    const { x, y, width, height, data } = mask;
    assert.deepEqual([...sample.boxes.subarray(4 * i, 4 * i + 4)], [x, y, x + width, y + height]);
    const rows = Array.from({ length: height }, (_, r) => data.subarray(r * width, (r + 1) * width));
    // Every side of the box is touched.
    assert.ok(rows[0].includes(1) && rows[height - 1].includes(1));
    assert.ok(rows.some((row) => row[0] === 1) && rows.some((row) => row[width - 1] === 1));
    rows.forEach((row, r) => {
      row.forEach((value, c) => {
        if (!value) return;
        assert.equal(out[(y + r) * sample.width + x + c], 0, 'two masks of one class overlap');
        out[(y + r) * sample.width + x + c] = i + 1;
      });
    });
  });
  return out;
}

const synthetic = syntheticDataset({ images: 2, width: 128, height: 128, seed: 4 });

describe('augmentation', () => {
  it('labels every pixel as its nearest source pixel is, in 200 random pipelines; colours follow', async () => {
    for (let n = 0; n < 200; n++) await checkPipeline(n);
  });

  it('[long] the same in 2,000 random pipelines', async () => {
    for (let n = 200; n < 2200; n++) await checkPipeline(n);
  });

  it('gives the same bytes for the same seed, epoch and index, and others else; leaves the record alone', async () => {
    const record = await synthetic.load('synth_0000');
    const copy = structuredClone(record);
    const full = { transforms: AUGMENTATION_LEVELS.full.transforms.map((each) => ({ ...each, p: 1 })) };
    const first = await augmentRecord(record, full, sampleRng(1, 2, 3));
    assert.deepEqual(await augmentRecord(record, full, sampleRng(1, 2, 3)), first);
    for (const [seed, epoch, index] of [
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
    ])
      assert.notDeepEqual(
        (await augmentRecord(record, full, sampleRng(seed, epoch, index))).image,
        first.image,
      );
    assert.deepEqual(record, copy);
  });

  it('changes nothing at level none, and shares no array with the record', async () => {
    const record = await synthetic.load('synth_0001');
    const sample = await augmentRecord(record, AUGMENTATION_LEVELS.none, sampleRng(0, 0, 0));
    assert.deepEqual(sample, { ...recordToSample(record), applied: [] });
    assert.notEqual(sample.image.buffer, record.image.buffer);
  });

  it('drops cells under the minimum size and cells of which too little is left', async () => {
    // A 10 x 10 cell at the left edge of a 40 x 20 image; the crop keeps the right 32, 34 … columns.
    const map = new Uint16Array(40 * 20);
    for (let y = 5; y < 15; y++) for (let x = 0; x < 10; x++) map[y * 40 + x] = 7;
    const record = {
      id: 'a',
      width: 40,
      height: 20,
      image: new Uint8Array(2400),
      labelMaps: [map],
      ignore: null,
    };
    const crop: Transform = { name: 'RandomCrop', width: 33, height: 20 };
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const sample = await augmentRecord(
        record,
        { transforms: [crop, { name: 'Scale', factor: 2 }], minVisible: 0.5 },
        sampleRng(0, 0, i),
      );
      const area = sample.masks[0]?.data.reduce((sum, value) => sum + value, 0) ?? 0;
      seen.add(String(area));
    }
    // Offsets 0..7 leave 10 to 3 columns; doubled, 400 down to 120 pixels; under half of 400 the cell goes.
    assert.deepEqual([...seen].sort(), ['0', '200', '240', '280', '320', '360', '400']);
    const tiny = await augmentRecord(
      record,
      { transforms: [{ name: 'Scale', factor: 0.5 }], minPixels: 26 },
      sampleRng(0, 0, 0),
    );
    assert.equal(tiny.labels.length, 0);
  });

  it('can say the recipe of the marks to beat', async () => {
    const transforms: Transform[] = [
      { name: 'RandomCrop', width: 64, height: 64 },
      { name: 'Scale', factor: 1.5 },
      { name: 'HorizontalFlip' },
      { name: 'VerticalFlip' },
      { name: 'RandomRotate90' },
      { name: 'RandomBrightnessContrast', brightnessLimit: [-0.1, 0.1], contrastLimit: [-0.2, 0.2], p: 1 },
      { name: 'ChannelShift', std: 0.03 },
    ];
    const sample = await augmentRecord(
      await synthetic.load('synth_0000'),
      { transforms, minPixels: 24 },
      sampleRng(0, 0, 0),
    );
    assert.deepEqual([sample.width, sample.height], [96, 96]);
    for (const { data } of sample.masks) assert.ok(data.reduce((sum, value) => sum + value, 0) >= 24);
  });

  it('pastes whole cells of another image, which get numbers of their own', async () => {
    const record = await synthetic.load('synth_0000');
    const donor = await synthetic.load('synth_0001');
    const before = recordToSample(record).labels.length;
    const paste = { transforms: [{ name: 'CopyPaste', maxCells: 6, p: 1 } as const], minVisible: 0.25 };
    const after = await augmentRecord(record, paste, sampleRng(0, 0, 1), { donor: async () => donor });
    assert.ok(
      after.labels.length > before - 6 && after.labels.length !== before,
      `${before} and ${after.labels.length}`,
    );
    const painted = new Uint8Array(record.width * record.height);
    for (const mask of after.masks)
      mask.data.forEach((value, i) => {
        const p = (mask.y + Math.floor(i / mask.width)) * record.width + mask.x + (i % mask.width);
        if (value) painted[p]++;
      });
    // Synthetic cells do not overlap, and a pasted one takes the pixels of what it covers.
    assert.ok(painted.every((count) => count <= 1));
    // Where no cell is new the image is the old one; pasted pixels are the donor's.
    const changed = after.image.reduce((sum, value, i) => sum + (value !== record.image[i] ? 1 : 0), 0);
    assert.ok(changed > 0 && changed < 0.3 * record.image.length);
  });

  it('gives the elastic field the standard deviation of blurred noise', () => {
    // White noise of standard deviation 1, blurred by sigma, has 1 / (2 sqrt(pi) sigma); brought to -1..1 first.
    const [width, height, alpha, sigma] = [256, 256, 100, 6];
    const field = elasticField({ width, height }, alpha, sigma, createRng(3));
    const std = Math.sqrt(field.reduce((sum, value) => sum + value * value, 0) / field.length);
    const expected = alpha / (2 * Math.sqrt(Math.PI) * sigma) / Math.sqrt(2 * Math.log(2 * width * height));
    assert.ok(Math.abs(std / expected - 1) < 0.15, `${std} and ${expected}`);
  });

  it('restains: unmixed, scaled by 1 and painted again, an image is itself; normalised stains are alike', async () => {
    const record = await synthetic.load('synth_0000');
    const still: Transform = { name: 'StainAugmentation', sigma1: 0, sigma2: 0, p: 1 };
    const same = await augmentRecord(record, { transforms: [still] }, sampleRng(0, 0, 0));
    assert.ok(same.image.every((value, i) => Math.abs(value - record.image[i]) <= 1));
    const meanOf = async (transform: Transform, dark: number): Promise<number[]> => {
      const image = record.image.map((value) => Math.round(255 * (value / 255) ** dark));
      const { image: out } = await augmentRecord(
        { ...record, image },
        { transforms: [transform] },
        sampleRng(0, 0, 0),
      );
      return [0, 1, 2].map(
        (c) => out.reduce((sum, value, i) => sum + (i % 3 === c ? value : 0), 0) / (out.length / 3),
      );
    };
    const nothing: Transform = { name: 'HorizontalFlip', p: 0 };
    const gap = async (transform: Transform): Promise<number> => {
      const [thin, thick] = [await meanOf(transform, 0.75), await meanOf(transform, 1.3)];
      return Math.max(...thin.map((value, c) => Math.abs(value - thick[c])));
    };
    // The same tissue under-stained and over-stained: normalised, what is left of the difference is under a quarter.
    const plain = await gap(nothing);
    for (const method of ['macenko', 'reinhard'] as const)
      assert.ok((await gap({ name: 'StainNormalization', method })) < plain / 4, method);
  });

  it('refuses unknown names and impossible numbers, naming the nearest', () => {
    const check =
      (transform: object): (() => void) =>
      () =>
        checkTransforms([transform as Transform]);
    assert.throws(
      check({ name: 'HorizontalFlp' }),
      /unknown transform "HorizontalFlp", did you mean "HorizontalFlip"/,
    );
    assert.throws(check({ name: 'Scale', faktor: 2 }), /Scale has no "faktor", did you mean "factor"/);
    assert.throws(check({ name: 'Scale', factor: 0 }), /Scale\.factor: expected a number over 0, got 0/);
    assert.throws(check({ name: 'RandomScale', scaleLimit: [0.2, -0.2] }), /expected \[least, most\]/);
    assert.throws(check({ name: 'GaussNoise', p: 1.5 }), /expected a number from 0 to 1/);
  });
});
