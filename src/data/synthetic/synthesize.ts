import { ConfigError } from '../../core/errors';
import { createRng } from '../../core/rng';
import type { Dataset, SynthesisOptions } from '../dataset';
import type { LabelMap } from '../formats/label_map';
import type { DatasetRecord } from '../record';
import { CELL_KINDS } from './cell_kinds';
import { paintTissue, slideLook } from './paint_tissue';
import { placeCells } from './place_cells';

/** Images that share a slide, and with it stain and scanner. */
const IMAGES_PER_SLIDE = 4;
const MIN_CELLS = 10;
const MAX_CELLS = 80;
/** Pixels of tissue a cell, at least and at most. */
const PIXELS_PER_CELL = [950, 2200] as const;

/** Names of the four classes. */
export const SYNTHETIC_CLASSES: readonly string[] = CELL_KINDS.map(({ name }) => name);

/** Micrometres a pixel, as of a 40x scan. */
export const SYNTHETIC_PIXEL_SIZE = 0.25;

/** One image of synthetic stained tissue: a function of (seed, index) and the size alone. */
export function synthesizeRecord(index: number, { width, height, seed }: SynthesisOptions): DatasetRecord {
  const rng = createRng(`synth/${seed}`).fork(`image-${index}`);
  const look = slideLook(createRng(`synth/${seed}`).fork(slideName(index)));
  const pixelsPerCell = rng.uniform(...PIXELS_PER_CELL);
  const count = Math.min(MAX_CELLS, Math.max(MIN_CELLS, Math.round((width * height) / pixelsPerCell)));
  const owner = new Uint16Array(width * height);
  const cells = placeCells(width, height, count, rng.fork('cells'), owner);
  const image = paintTissue(width, height, cells, owner, look, rng);
  // Instances are numbered within their class, as in the files of the layout.
  const seen = CELL_KINDS.map(() => 0);
  const numbers = cells.map(({ label }) => ++seen[label - 1]);
  const labelMaps: (LabelMap | null)[] = seen.map((n) => (n > 0 ? new Uint16Array(width * height) : null));
  for (let p = 0; p < owner.length; p++) {
    if (owner[p] === 0) continue;
    const map = labelMaps[cells[owner[p] - 1].label - 1];
    if (map) map[p] = numbers[owner[p] - 1];
  }
  return { id: syntheticId(index), height, width, image, labelMaps, ignore: null };
}

function syntheticId(index: number): string {
  return `synth_${String(index).padStart(4, '0')}`;
}

function slideName(index: number): string {
  return `slide-${String(Math.floor(index / IMAGES_PER_SLIDE)).padStart(3, '0')}`;
}

/** The same as a data set without files: every `load` makes its image anew. */
export function syntheticDataset(options: SynthesisOptions): Dataset {
  const { images, width, height } = options;
  if (!(width >= 32 && height >= 32))
    throw new ConfigError(`size: expected at least 32x32 pixels, got ${width}x${height}`);
  const indices = Array.from({ length: images }, (_, i) => i);
  const ids = indices.map(syntheticId);
  const byId = new Map(ids.map((id, i) => [id, i]));
  const indexOf = (id: string): number => {
    const index = byId.get(id);
    if (index === undefined) throw new ConfigError(`the synthetic data set has no image "${id}"`);
    return index;
  };
  return {
    dir: `synthetic tissue, seed ${options.seed}`,
    ids,
    labelled: true,
    classes: SYNTHETIC_CLASSES,
    pixelSize: SYNTHETIC_PIXEL_SIZE,
    channelOrder: 'rgb',
    groups: Object.fromEntries(indices.map((i) => [ids[i], slideName(i)])),
    source: { kind: 'synthetic', options },
    imageFile: (id) => `${syntheticId(indexOf(id))} (made in memory)`,
    fileName: (id) => `${syntheticId(indexOf(id))}/image.tif`,
    loadImage: async (id) => synthesizeRecord(indexOf(id), options),
    load: async (id) => synthesizeRecord(indexOf(id), options),
  };
}
