import { DataError } from '../../core/errors';
import { type CocoSegmentation, segmentationToRle } from '../../geometry/polygon';
import { type Rle, rleArea, rleBox, rleFromString, rleToString } from '../../geometry/rle';
import type { Detections } from '../evaluation_image';
import { type CocoGroundTruth, isBox, nearestId } from './ground_truth';
import { forEachJsonObject } from './json_stream';

/** A list of numbers in typed memory, in pieces of fixed size: growing copies nothing. */
export class GrowingNumbers {
  private readonly pieces: Float64Array[] = [];
  private used = 0;

  get length(): number {
    return this.used;
  }

  push(value: number): void {
    const at = this.used++;
    if (at >> SHIFT === this.pieces.length) this.pieces.push(new Float64Array(1 << SHIFT));
    this.pieces[at >> SHIFT][at & MASK] = value;
  }

  get(index: number): number {
    return this.pieces[index >> SHIFT][index & MASK];
  }
}

const SHIFT = 14;
const MASK = (1 << SHIFT) - 1;
const PIECE_BYTES = 1 << 20;

/** A list of short ASCII texts, their bytes end to end in large pieces. */
export class GrowingBytes {
  private readonly pieces: Buffer[] = [];
  private readonly piece = new GrowingNumbers();
  private readonly begin = new GrowingNumbers();
  private readonly size = new GrowingNumbers();
  private left = 0;

  push(text: string): void {
    if (this.pieces.length === 0 || text.length > this.left) {
      this.left = Math.max(PIECE_BYTES, text.length);
      this.pieces.push(Buffer.allocUnsafe(this.left));
    }
    const last = this.pieces[this.pieces.length - 1];
    const at = last.length - this.left;
    last.write(text, at, 'latin1');
    this.left -= text.length;
    this.piece.push(this.pieces.length - 1);
    this.begin.push(at);
    this.size.push(text.length);
  }

  get(index: number): string {
    const at = this.begin.get(index);
    return this.pieces[this.piece.get(index)].toString('latin1', at, at + this.size.get(index));
  }
}

interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly number[];
  readonly segmentation?: CocoSegmentation;
}

/** Masks kept decoded: some 30 MB. */
const MAX_DECODED = 65536;

/**
 * COCO results, checked one by one against their ground truth and kept in little more than the space of their codes.
 * Boxes and areas follow pycocotools' loadRes: where the first result has a box, all areas come from the boxes, else
 * from the masks.
 */
export class CocoResults {
  private readonly images = new GrowingNumbers();
  private readonly labels = new GrowingNumbers();
  private readonly scores = new GrowingNumbers();
  private readonly areas = new GrowingNumbers();
  private readonly boxes = new GrowingNumbers();
  private readonly codes = new GrowingBytes();
  /** The first masks as they were decoded for checking: most files fit, and the largest are none the larger. */
  private readonly decoded: (Rle | undefined)[] = [];
  private fromBoxes = false;
  private order: Uint32Array | undefined;
  private starts = new Uint32Array(0);

  constructor(
    private readonly groundTruth: CocoGroundTruth,
    private readonly where: string,
  ) {}

  /** Number of results. */
  get count(): number {
    return this.images.length;
  }

  /** Checks and keeps one result. Throws DataError naming it. */
  add(value: unknown): void {
    const number = this.count + 1;
    const { image_id, category_id, score, bbox, segmentation } = (value ?? {}) as CocoResult;
    const image = this.groundTruth.findImage(image_id);
    if (image === undefined) {
      const near = nearestId(
        image_id,
        this.groundTruth.images.map(({ id }) => id),
      );
      throw this.fail(number, `unknown image id ${JSON.stringify(image_id)}${near}`);
    }
    const where = `image ${image_id}: `;
    const label = this.groundTruth.findClass(category_id);
    if (label === undefined)
      throw this.fail(number, `${where}unknown category id ${JSON.stringify(category_id)}`);
    if (typeof score !== 'number' || !Number.isFinite(score))
      throw this.fail(number, `${where}score: expected a number, got ${JSON.stringify(score)}`);
    const hasBox = bbox !== undefined && !(Array.isArray(bbox) && bbox.length === 0);
    if (hasBox && !isBox(bbox))
      throw this.fail(number, `${where}bbox: expected 4 numbers, got ${JSON.stringify(bbox)}`);
    if (number === 1) this.fromBoxes = hasBox;
    if (this.fromBoxes && !hasBox)
      throw this.fail(number, `${where}has no bbox, but the first result has one`);
    if (!hasBox && segmentation === undefined)
      throw this.fail(number, `${where}has neither segmentation nor bbox`);
    this.keep(number, image, label, score, hasBox ? (bbox as readonly number[]) : undefined, segmentation);
  }

  /** The results of image number `i`, in their order. */
  detections(i: number, needMasks: boolean): Detections {
    this.order ??= this.sort();
    const rows = this.order.subarray(this.starts[i], this.starts[i + 1]);
    const { height, width } = this.groundTruth.images[i];
    const boxes = new Float64Array(4 * rows.length);
    const labels = new Int32Array(rows.length);
    const scores = new Float64Array(rows.length);
    const areas = new Float64Array(rows.length);
    const masks: Rle[] = [];
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at];
      labels[at] = this.labels.get(row);
      scores[at] = this.scores.get(row);
      areas[at] = this.areas.get(row);
      for (let k = 0; k < 4; k++) boxes[4 * at + k] = this.boxes.get(4 * row + k);
      if (needMasks) masks.push(this.mask(row, height, width));
    }
    return { labels, scores, areas, boxes, masks };
  }

  private keep(
    number: number,
    image: number,
    label: number,
    score: number,
    bbox: readonly number[] | undefined,
    segmentation: CocoSegmentation | undefined,
  ): void {
    const { height, width } = this.groundTruth.images[image];
    let rle: Rle | undefined;
    try {
      if (segmentation !== undefined) rle = segmentationToRle(segmentation, height, width);
    } catch (error) {
      throw this.fail(number, `image ${this.groundTruth.images[image].id}: ${(error as Error).message}`);
    }
    if (number <= MAX_DECODED) this.decoded.push(rle);
    const box = bbox ?? rleBox(rle!);
    this.images.push(image);
    this.labels.push(label);
    this.scores.push(score);
    for (const value of box) this.boxes.push(value);
    this.areas.push(this.fromBoxes || rle === undefined ? box[2] * box[3] : rleArea(rle));
    const counts = (segmentation as { counts?: unknown } | undefined)?.counts;
    // An empty code stands for the box itself.
    this.codes.push(typeof counts === 'string' ? counts : rle ? rleToString(rle) : '');
  }

  private mask(row: number, height: number, width: number): Rle {
    const known = this.decoded[row];
    if (known) return known;
    const code = this.codes.get(row);
    if (code !== '') return rleFromString(code, [height, width]);
    const box = [0, 1, 2, 3].map((k) => this.boxes.get(4 * row + k));
    return segmentationToRle([box], height, width);
  }

  /** Rows by image, each image's in their order (a counting sort). */
  private sort(): Uint32Array {
    this.starts = new Uint32Array(this.groundTruth.images.length + 2);
    for (let row = 0; row < this.count; row++) this.starts[this.images.get(row) + 2]++;
    for (let i = 2; i < this.starts.length; i++) this.starts[i] += this.starts[i - 1];
    const order = new Uint32Array(this.count);
    for (let row = 0; row < this.count; row++) order[this.starts[this.images.get(row) + 1]++] = row;
    return order;
  }

  private fail(number: number, message: string): DataError {
    return new DataError(`result ${number}, ${message}`, { where: this.where });
  }
}

/** Reads a COCO result file of any size, result by result. */
export function readCocoResults(file: string, groundTruth: CocoGroundTruth): CocoResults {
  const results = new CocoResults(groundTruth, file);
  forEachJsonObject(file, (value) => results.add(value));
  return results;
}
