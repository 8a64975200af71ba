import { DataError, nearestName } from '../../core/errors';
import { readJson } from '../../core/files';
import { type CocoSegmentation, segmentationToRle } from '../../geometry/polygon';
import { type Rle, rleArea, rleBox } from '../../geometry/rle';
import type { EvaluationImage } from '../evaluation_image';

export interface CocoImage {
  readonly id: number | string;
  readonly height: number;
  readonly width: number;
  readonly file_name?: string;
}

export interface CocoCategory {
  readonly id: number;
  readonly name: string;
}

interface CocoAnnotation {
  readonly id?: number | string;
  readonly image_id: number | string;
  readonly category_id: number;
  readonly segmentation?: CocoSegmentation;
  readonly bbox?: readonly number[];
  readonly area?: number;
  readonly iscrowd?: number | boolean;
}

/** A COCO ground truth: images and categories in ascending order of their ids, annotations checked. */
export class CocoGroundTruth {
  readonly images: readonly CocoImage[];
  /** Class number c of the evaluation is `categories[c - 1]`. */
  readonly categories: readonly CocoCategory[];
  readonly warnings: string[] = [];
  private readonly imageIndex: Map<number | string, number>;
  private readonly classOf: Map<number, number>;
  private readonly byImage: CocoAnnotation[][];

  /** `where` names the file in errors. Throws DataError for anything that is not a COCO ground truth. */
  constructor(
    dataset: unknown,
    readonly where: string,
  ) {
    const { images, annotations, categories } = (dataset ?? {}) as Record<string, unknown>;
    this.images = sortById(this.list<CocoImage>('images', images));
    this.categories = sortById(this.list<CocoCategory>('categories', categories));
    this.imageIndex = this.index('images', this.images);
    this.classOf = new Map(
      [...this.index('categories', this.categories)].map(([id, i]) => [Number(id), i + 1]),
    );
    this.byImage = this.images.map(() => []);
    this.addAll(this.list<CocoAnnotation>('annotations', annotations));
  }

  /** Place of an image id in `images`; undefined for an unknown one. */
  findImage(id: unknown): number | undefined {
    return this.imageIndex.get(id as number);
  }

  /** Class number 1..K of a category id; undefined for an unknown one. */
  findClass(id: unknown): number | undefined {
    return this.classOf.get(id as number);
  }

  /** Number of annotations. */
  get count(): number {
    return this.byImage.reduce((sum, list) => sum + list.length, 0);
  }

  /** The ground truth of image number `i`; masks are decoded only when they are needed. */
  image(i: number, needMasks: boolean): EvaluationImage {
    const { id, height, width } = this.images[i];
    const annotations = this.byImage[i];
    const masks = needMasks ? annotations.map((annotation) => this.mask(annotation, height, width)) : [];
    const boxes = new Float64Array(4 * annotations.length);
    const areas = new Float64Array(annotations.length);
    for (const [row, annotation] of annotations.entries()) {
      // What is missing is made from the mask, decoded for it if need be.
      const mask = (): Rle => masks[row] ?? this.mask(annotation, height, width);
      boxes.set(annotation.bbox ?? rleBox(mask()), 4 * row);
      areas[row] = annotation.area ?? rleArea(mask());
    }
    const zeroId = annotations.findIndex((annotation) => annotation.id === 0);
    return {
      id: String(id),
      height,
      width,
      labels: Int32Array.from(annotations, (annotation) => this.classOf.get(annotation.category_id)!),
      masks,
      boxes,
      areas,
      crowd: Uint8Array.from(annotations, (annotation) => (annotation.iscrowd ? 1 : 0)),
      ...(zeroId < 0 ? {} : { zeroId }),
    };
  }

  private mask(annotation: CocoAnnotation, height: number, width: number): Rle {
    const where = `annotation ${annotation.id ?? '?'}`;
    if (annotation.segmentation === undefined) throw this.fail(`${where} has no segmentation`);
    try {
      return segmentationToRle(annotation.segmentation, height, width);
    } catch (error) {
      throw this.fail(`${where} (image ${annotation.image_id}): ${(error as Error).message}`);
    }
  }

  private addAll(annotations: readonly CocoAnnotation[]): void {
    const ids = new Set<number | string>();
    for (const [i, annotation] of annotations.entries()) {
      const where = `annotation ${annotation.id ?? `number ${i + 1}`}`;
      if (annotation.id !== undefined) {
        if (ids.has(annotation.id)) throw this.fail(`two annotations have the id ${annotation.id}`);
        ids.add(annotation.id);
      }
      const image = this.findImage(annotation.image_id);
      if (image === undefined) throw this.fail(`${where}: unknown image id ${annotation.image_id}`);
      if (this.findClass(annotation.category_id) === undefined)
        throw this.fail(`${where}: unknown category id ${annotation.category_id}`);
      if (annotation.bbox !== undefined && !isBox(annotation.bbox))
        throw this.fail(`${where}: bbox: expected 4 numbers, got ${JSON.stringify(annotation.bbox)}`);
      if (annotation.area !== undefined && !Number.isFinite(annotation.area))
        throw this.fail(`${where}: area: expected a number, got ${JSON.stringify(annotation.area)}`);
      if (annotation.bbox === undefined && annotation.segmentation === undefined)
        throw this.fail(`${where} has neither bbox nor segmentation`);
      this.byImage[image].push(annotation);
    }
    if (ids.has(0))
      this.warnings.push(
        'the annotation with the id 0 never counts as found (so in pycocotools too); number annotations from 1',
      );
  }

  private list<T>(key: string, value: unknown): T[] {
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'object' || item === null))
      throw this.fail(`not a COCO ground truth: expected a list of objects under "${key}"`);
    return value as T[];
  }

  private index(
    key: string,
    items: readonly { readonly id: number | string }[],
  ): Map<number | string, number> {
    const places = new Map<number | string, number>();
    for (const [i, item] of items.entries()) {
      if (typeof item.id !== 'number' && typeof item.id !== 'string')
        throw this.fail(`${key}: entry ${i + 1} has no id`);
      if (places.has(item.id)) throw this.fail(`two ${key} have the id ${item.id}`);
      places.set(item.id, i);
    }
    if (key === 'images')
      for (const { id, height, width } of items as CocoImage[])
        if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0))
          throw this.fail(
            `image ${id}: expected whole numbers for height and width, got ${height} and ${width}`,
          );
    return places;
  }

  private fail(message: string): DataError {
    return new DataError(message, { where: this.where });
  }
}

/** Reads a COCO ground truth file. */
export function readCocoGroundTruth(file: string): CocoGroundTruth {
  return new CocoGroundTruth(readJson(file), file);
}

export function isBox(value: unknown): value is [number, number, number, number] {
  return Array.isArray(value) && value.length === 4 && value.every((item) => Number.isFinite(item));
}

/** `; the nearest is …` for an id that is text. */
export function nearestId(id: unknown, known: readonly (number | string)[]): string {
  const near = typeof id === 'string' ? nearestName(id, known.map(String)) : undefined;
  return near === undefined ? '' : `; the nearest is ${near}`;
}

function sortById<T extends { readonly id: number | string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
