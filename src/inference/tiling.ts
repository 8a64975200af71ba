import { ConfigError } from '../core/errors';
import { boxIou } from '../geometry/boxes';
import { type Instances, selectInstances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { type BoxXywh, encodeCropMask, type Rle, rleArea, rleBox, rleToCropMask } from '../geometry/rle';
import { boxesMeet, sharedPixels, unionRle } from '../geometry/rle_operations';
import { sortInstances } from './postprocess/masks';

/** Pixels of the image; right and bottom are exclusive. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What the network sees at once, and the part of it that no other tile answers for. Cores fill the image. */
export interface Tile {
  readonly view: Rect;
  readonly core: Rect;
}

export interface TileGridOptions {
  /** Largest side of a view. */
  readonly tile: number;
  /** Pixels that neighbouring views share, at least. */
  readonly overlap: number;
  /** Views begin at multiples of this: with the network's coarsest stride, the same grid of anchors everywhere. */
  readonly align?: number;
  /** Moves the grid to the left and up by so many pixels: for comparing one grid with another. */
  readonly shift?: number;
}

/** Tiles of an image, row by row; a single one where it fits. */
export function tileGrid(height: number, width: number, options: TileGridOptions): Tile[] {
  const { tile, overlap } = options;
  if (!(overlap >= 0 && overlap < tile))
    throw new ConfigError(`tiles of ${tile} pixels cannot overlap by ${overlap}`, {
      fix: 'Choose an overlap of at least 0 and smaller than the tile.',
    });
  const rows = spans(height, options);
  const columns = spans(width, options);
  return rows.flatMap((row) =>
    columns.map((column) => ({
      view: { left: column.start, top: row.start, right: column.end, bottom: row.end },
      core: { left: column.from, top: row.from, right: column.to, bottom: row.to },
    })),
  );
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** The core. */
  readonly from: number;
  readonly to: number;
}

function spans(size: number, { tile, overlap, align = 1, shift = 0 }: TileGridOptions): Span[] {
  if (size <= tile) return [{ start: 0, end: size, from: 0, to: size }];
  const unit = align <= tile - overlap ? align : 1;
  const step = Math.floor((tile - overlap) / unit) * unit;
  const views: { start: number; end: number }[] = [];
  for (let at = -(Math.floor(shift / unit) * unit) % step; ; at += step) {
    if (at + tile < size) {
      views.push({ start: Math.max(at, 0), end: at + tile });
      continue;
    }
    // The last view is moved back into the image: it is as large as the others.
    views.push({ start: Math.max(0, Math.ceil((size - tile) / unit) * unit), end: size });
    break;
  }
  const middle = (i: number): number => Math.floor((views[i].end + views[i + 1].start) / 2);
  return views.map(({ start, end }, i) => ({
    start,
    end,
    from: i === 0 ? 0 : middle(i - 1),
    to: i === views.length - 1 ? size : middle(i),
  }));
}

export interface JoinOptions {
  /** Overlap in the shared strip from which two tiles show one cell. Default 0.5. */
  readonly same?: number;
  /** IoU of boxes of one class from which the model itself keeps one. Default 0.5. */
  readonly nmsThreshold?: number;
}

/** An instance seen by one tile, or by several and joined. */
interface Seen {
  /** Row of the concatenated instances. */
  readonly row: number;
  mask: Rle;
  crop: CropMask;
  box: BoxXywh;
  score: number;
  label: number;
  /** Every tile that has added to it lies within. */
  view: Rect;
  /** Pixels between the mask and the nearest seam of its tile; a cut one touches it. */
  readonly depth: number;
}

/** Masks that come this near to a seam are taken as cut by it. */
const CUT = 2;

/**
 * One set of instances from those of overlapping tiles (each in the coordinates of the whole image). A tile answers
 * for what reaches into its core. What several tiles show is kept once: as the tile sees it that has it whole and
 * farthest from its seams. Two tiles of a cell that no tile has whole become one: masks united, class and score of
 * the better one. So the answer depends little on where tiles fall. By falling score.
 */
export function joinTiles(
  tiles: readonly Tile[],
  found: readonly Instances[],
  { same = 0.5, nmsThreshold = 0.5 }: JoinOptions = {},
): Instances {
  const all = concatInstances(found);
  const alone: number[] = [];
  const shared: Seen[] = [];
  let row = 0;
  found.forEach((instances, t) => {
    for (let i = 0; i < instances.labels.length; i++, row++) {
      const box = rleBox(instances.masks[i]);
      if (box[2] === 0 || !meets(box, tiles[t].core)) continue;
      if (tiles.some(({ view }, other) => other !== t && meets(box, view)))
        shared.push(see(all, row, box, tiles[t].view));
      else alone.push(row);
    }
  });
  const twins = (a: Seen, b: Seen): boolean => isTwin(a, b, all, same, nmsThreshold);
  const kept = keepWhole(
    shared.filter(({ depth }) => depth >= CUT),
    twins,
  );
  const cut = shared.filter(({ depth }) => depth < CUT).sort((a, b) => b.depth - a.depth || byScore(a, b));
  for (const seen of cut) {
    const twin = kept.find((other) => twins(seen, other));
    if (!twin) kept.push(seen);
    else if (twin.depth < CUT) absorb(twin, seen);
  }
  return sortInstances(withJoined(all, alone, kept));
}

const byScore = (a: Seen, b: Seen): number => b.score - a.score || a.row - b.row;

/**
 * Of what no seam cuts each cell once, as the tile sees it that has it farthest from its seams. The surest come first, as
 * in the model's own suppression: a doubtful neighbour that lies a pixel deeper takes nobody's place.
 */
function keepWhole(whole: readonly Seen[], twins: (a: Seen, b: Seen) => boolean): Seen[] {
  const kept: Seen[] = [];
  const told = new Set<Seen>();
  for (const seen of [...whole].sort(byScore)) {
    if (told.has(seen) || kept.some((other) => twins(seen, other))) continue;
    const views = new Map<Rect, Seen>([[seen.view, seen]]);
    for (const other of whole) {
      if (told.has(other) || !twins(seen, other)) continue;
      const best = views.get(other.view);
      if (!best || alike(seen, other) > alike(seen, best)) views.set(other.view, other);
    }
    const group = [...views.values()];
    for (const one of group) told.add(one);
    kept.push(group.reduce((a, b) => (b.depth > a.depth ? b : a)));
  }
  return kept;
}

/** Overlap of two masks, pixels over pixels. */
function alike(a: Seen, b: Seen): number {
  const both = sharedPixels(a.mask.counts, b.mask.counts);
  return both / (rleArea(a.mask) + rleArea(b.mask) - both);
}

/** Instances of a tile in the coordinates of the image that it was cut from at (left, top). */
export function placeInstances(
  instances: Instances,
  left: number,
  top: number,
  height: number,
  width: number,
): Instances {
  if (instances.height === height && instances.width === width) return instances;
  return {
    ...instances,
    height,
    width,
    boxes: instances.boxes.map((value, i) => value + (i % 2 === 0 ? left : top)),
    masks: instances.masks.map((rle) => {
      const crop = rleToCropMask(rle);
      return encodeCropMask({ ...crop, x: crop.x + left, y: crop.y + top }, height, width);
    }),
  };
}

function concatInstances(list: readonly Instances[]): Instances {
  const { height, width } = list[0];
  return {
    height,
    width,
    boxes: Float32Array.from(list.flatMap(({ boxes }) => [...boxes])),
    scores: Float32Array.from(list.flatMap(({ scores }) => [...scores])),
    labels: Int32Array.from(list.flatMap(({ labels }) => [...labels])),
    masks: list.flatMap(({ masks }) => masks),
  };
}

function see(all: Instances, row: number, box: BoxXywh, view: Rect): Seen {
  const mask = all.masks[row];
  const [x, y, w, h] = box;
  const depth = Math.min(
    view.left === 0 ? Number.POSITIVE_INFINITY : x - view.left,
    view.top === 0 ? Number.POSITIVE_INFINITY : y - view.top,
    view.right === all.width ? Number.POSITIVE_INFINITY : view.right - x - w,
    view.bottom === all.height ? Number.POSITIVE_INFINITY : view.bottom - y - h,
  );
  return {
    row,
    mask,
    crop: rleToCropMask(mask),
    box,
    score: all.scores[row],
    label: all.labels[row],
    view,
    depth,
  };
}

/** Whether two tiles show one cell. A cut piece need not agree in class: it is a guess from half a cell. */
function isTwin(a: Seen, b: Seen, all: Instances, same: number, nmsThreshold: number): boolean {
  if (a.view === b.view || !boxesMeet(a.box, b.box)) return false;
  const cut = a.depth < CUT || b.depth < CUT;
  if (!cut && a.label !== b.label) return false;
  if (!cut && boxIou(all.boxes, a.row, all.boxes, b.row) > nmsThreshold) return true;
  const strip = intersect(a.view, b.view);
  const both = sharedPixels(a.mask.counts, b.mask.counts);
  if (both === 0) return false;
  const [inA, inB] = [pixelsWithin(a.crop, strip), pixelsWithin(b.crop, strip)];
  // Of two tiles of one class, one may show little more than the other leaves out.
  if (cut && a.label === b.label) return both >= same * Math.min(inA, inB);
  return both >= same * (inA + inB - both);
}

function absorb(twin: Seen, piece: Seen): void {
  twin.mask = unionRle([twin.mask, piece.mask]);
  twin.crop = rleToCropMask(twin.mask);
  twin.box = rleBox(twin.mask);
  twin.view = {
    left: Math.min(twin.view.left, piece.view.left),
    top: Math.min(twin.view.top, piece.view.top),
    right: Math.max(twin.view.right, piece.view.right),
    bottom: Math.max(twin.view.bottom, piece.view.bottom),
  };
  if (piece.score <= twin.score) return;
  twin.score = piece.score;
  twin.label = piece.label;
}

function withJoined(all: Instances, alone: readonly number[], kept: readonly Seen[]): Instances {
  const boxes = all.boxes.slice();
  const scores = all.scores.slice();
  const labels = all.labels.slice();
  const masks = [...all.masks];
  for (const { row, mask, box, score, label } of kept) {
    if (mask !== masks[row]) boxes.set([box[0], box[1], box[0] + box[2], box[1] + box[3]], 4 * row);
    masks[row] = mask;
    scores[row] = score;
    labels[row] = label;
  }
  return selectInstances({ ...all, boxes, scores, labels, masks }, [...alone, ...kept.map(({ row }) => row)]);
}

function meets([x, y, w, h]: BoxXywh, rect: Rect): boolean {
  return x < rect.right && rect.left < x + w && y < rect.bottom && rect.top < y + h;
}

function intersect(a: Rect, b: Rect): Rect {
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
}

function pixelsWithin({ x, y, width, height, data }: CropMask, rect: Rect): number {
  const from = Math.max(rect.left - x, 0);
  const to = Math.min(rect.right - x, width);
  let count = 0;
  for (let row = Math.max(rect.top - y, 0); row < Math.min(rect.bottom - y, height); row++)
    for (let i = row * width + from; i < row * width + to; i++) count += data[i];
  return count;
}
