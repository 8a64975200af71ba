import { createRng, type Rng } from '../../core/rng';
import type { ChannelOrder } from '../dataset_info';
import { MIN_INSTANCE_PIXELS } from '../extract_instances';
import type { LabelMap } from '../formats/label_map';
import { type DatasetRecord, recordToSample, type Sample } from '../record';
import {
  addNoise,
  applyTable,
  applyTables,
  jitterColours,
  jitterParameters,
  linearTable,
  meanLevel,
} from './colour';
import { coordinateMap, joinTurns } from './coordinates';
import { copyPaste } from './copy_paste';
import { blurImage, gaussianKernel } from './gaussian_blur';
import { areaScale, type GeometryStep, geometryStep } from './geometry';
import { type Border, remapImage, remapLabels, turnPixels } from './remap';
import { augmentStain, normalizeMacenko, normalizeReinhard } from './stain';
import { type Augmentation, checkTransforms, probability, type Transform } from './transforms';

/** What an augmentation may need beside the image itself. */
export interface AugmentContext {
  readonly channelOrder?: ChannelOrder;
  /** Another image of the training set, for `CopyPaste`. */
  readonly donor?: (rng: Rng) => Promise<DatasetRecord>;
}

/** A record under way. `owned` tells that image and maps are copies that may be written to. */
interface Canvas {
  width: number;
  height: number;
  image: Uint8Array;
  labelMaps: (LabelMap | null)[];
  ignore: LabelMap | null;
  owned: boolean;
}

/**
 * Applies a list of transforms and finds the cells of the result. The record is never changed, and the sample shares
 * no array with it. The same `rng` seed gives the same bytes; every transform draws from a stream of its own.
 */
export async function augmentRecord(
  record: DatasetRecord,
  augmentation: Augmentation,
  rng: Rng,
  context: AugmentContext = {},
): Promise<Sample> {
  const { transforms, minPixels = MIN_INSTANCE_PIXELS, minVisible = 0.25 } = augmentation;
  checkTransforms(transforms);
  const canvas: Canvas = { ...record, labelMaps: [...record.labelMaps], owned: false };
  const before = new Map<number, Float64Array>();
  const applied: string[] = [];
  let steps: GeometryStep[] = [];
  let size = { width: record.width, height: record.height };
  for (const [i, transform] of transforms.entries()) {
    const own = rng.fork(`${i}-${transform.name}`);
    if (!own.chance(probability(transform))) continue;
    applied.push(transform.name);
    const step = geometryStep(transform, size, own);
    if (step) {
      steps.push(step);
      size = { width: step.width, height: step.height };
      continue;
    }
    moveCells(canvas, steps, before);
    steps = [];
    if (transform.name === 'CopyPaste') {
      if (!context.donor) continue;
      measureCells(canvas, before, 1);
      takeOwnership(canvas);
      canvas.labelMaps = canvas.labelMaps.map((map) => map?.slice() ?? null);
      copyPaste(canvas, await context.donor(own.fork('donor')), transform.maxCells ?? 10, own, before);
    } else changePixels(canvas, transform, own, context.channelOrder ?? 'rgb');
  }
  moveCells(canvas, steps, before);
  // Cells under the minimum size go, and those of which too small a share is left.
  const least = (c: number, value: number): number =>
    Math.max(minPixels, minVisible * (before.get(c)?.[value] ?? 0));
  const sample = recordToSample({ ...canvas, id: record.id }, before.size > 0 ? least : minPixels);
  return { ...sample, applied, image: canvas.owned ? sample.image : sample.image.slice() };
}

/** One pass of geometry over image and label maps; `before` keeps how large each cell would be if nothing cut it. */
function moveCells(canvas: Canvas, steps: readonly GeometryStep[], before: Map<number, Float64Array>): void {
  if (steps.length === 0) return;
  if (before.size > 0 || cutsCells(canvas, steps)) measureCells(canvas, before, areaScale(steps));
  const { width, height, image, labelMaps, ignore } = canvas;
  const joined = joinTurns(steps);
  const maps = [...labelMaps, ignore];
  let moved: (LabelMap | null)[];
  const [only] = joined;
  if (joined.length === 1 && only.kind === 'turn') {
    canvas.image = turnPixels(image, width, 3, only);
    moved = maps.map((map) => map && turnPixels(map, width, 1, only));
  } else {
    const border = borderOf(joined);
    const map = coordinateMap(joined);
    canvas.image = remapImage(image, width, height, map, border);
    moved = remapLabels(maps, width, height, map, border);
  }
  canvas.ignore = moved.pop() ?? null;
  canvas.labelMaps = moved;
  const last = joined[joined.length - 1];
  canvas.width = last.width;
  canvas.height = last.height;
  canvas.owned = true;
}

/** Whether a cell can lose pixels: flips, turns and changes of size keep every one. */
function cutsCells(canvas: Canvas, steps: readonly GeometryStep[]): boolean {
  let { width, height } = canvas;
  for (const step of steps) {
    if (step.kind === 'grid' || step.kind === 'displacement') return true;
    if (step.kind === 'turn' && step.width * step.height < width * height) return true;
    ({ width, height } = step);
  }
  return false;
}

/** The last distortion decides; a mere change of size never looks outside. */
function borderOf(steps: readonly GeometryStep[]): Border {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (step.kind === 'grid' || step.kind === 'displacement') return { mode: step.border, fill: step.fill };
  }
  return { mode: 'replicate', fill: 0 };
}

/** Pixels of every value of every map: scaled from what was known, counted where a value is new. */
function measureCells({ labelMaps }: Canvas, before: Map<number, Float64Array>, scale: number): void {
  labelMaps.forEach((map, c) => {
    if (!map) return;
    const known = before.get(c);
    const counts = countValues(map);
    const areas = new Float64Array(Math.max(counts.length, known?.length ?? 0));
    for (let v = 1; v < areas.length; v++) areas[v] = (known?.[v] || counts[v] || 0) * scale;
    before.set(c, areas);
  });
}

/** Counts of maps that have been met: the maps of a cached record are the same object every epoch. */
const COUNTS = new WeakMap<LabelMap, Int32Array>();

/** Pixels of each value; values over a million are not followed (they are kept whatever is left of them). */
function countValues(map: LabelMap): Int32Array {
  const known = COUNTS.get(map);
  if (known) return known;
  let maximum = 0;
  for (let i = 0; i < map.length; i++) if (map[i] > maximum) maximum = map[i];
  const counts = new Int32Array(Math.min(maximum, 1_000_000) + 1);
  for (let i = 0; i < map.length; i++) if (map[i] !== 0 && map[i] < counts.length) counts[map[i]]++;
  COUNTS.set(map, counts);
  return counts;
}

/** Before the first write: copies what still belongs to the record. */
function takeOwnership(canvas: Canvas): void {
  if (canvas.owned) return;
  canvas.image = canvas.image.slice();
  canvas.owned = true;
}

function changePixels(canvas: Canvas, transform: Transform, rng: Rng, order: ChannelOrder): void {
  takeOwnership(canvas);
  const { image } = canvas;
  switch (transform.name) {
    case 'RandomBrightnessContrast': {
      const {
        brightnessLimit = [-0.2, 0.2],
        contrastLimit = [-0.2, 0.2],
        brightnessByMax = true,
      } = transform;
      const factor = 1 + rng.uniform(...contrastLimit);
      const shift = rng.uniform(...brightnessLimit) * (brightnessByMax ? 255 : meanLevel(image));
      applyTable(image, linearTable(factor, shift));
      return;
    }
    case 'ColorJitter':
      withRgb(image, order, () => jitterColours(image, jitterParameters(transform, rng)));
      return;
    case 'GaussianBlur': {
      const { blurLimit = [0, 0], sigmaLimit = [0.5, 3] } = transform;
      const kernel = gaussianKernel(rng.uniform(...sigmaLimit), rng.integer(blurLimit[0], blurLimit[1] + 1));
      canvas.image = blurImage(image, canvas.width, canvas.height, kernel);
      return;
    }
    case 'GaussNoise':
      addNoise(image, transform, rng);
      return;
    case 'ChannelShift': {
      const shift = (): Uint8Array => linearTable(1, rng.normal(0, transform.std) * 255 + 0.5);
      applyTables(image, [shift(), shift(), shift()]);
      return;
    }
    case 'StainAugmentation':
      augmentStain(image, order, transform.sigma1 ?? 0.2, transform.sigma2 ?? 0.2, rng);
      return;
    case 'StainNormalization':
      if (transform.method === 'macenko') normalizeMacenko(image, order);
      else normalizeReinhard(image, order);
      return;
    default:
      throw new TypeError(`${transform.name} changes no pixels`);
  }
}

/** Hue and grey need to know which channel is red. */
function withRgb(image: Uint8Array, order: ChannelOrder, work: () => void): void {
  if (order === 'bgr') swapRedBlue(image);
  work();
  if (order === 'bgr') swapRedBlue(image);
}

function swapRedBlue(image: Uint8Array): void {
  for (let i = 0; i < image.length; i += 3) {
    const first = image[i];
    image[i] = image[i + 2];
    image[i + 2] = first;
  }
}

/** The stream a sample draws from: a function of (seed, epoch, index) alone. */
export function sampleRng(seed: number, epoch: number, index: number): Rng {
  return createRng(seed).fork('sample').fork(epoch).fork(index);
}
