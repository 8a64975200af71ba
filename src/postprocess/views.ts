import type { CropMask } from '../structures/crop_mask';
import type { Instances } from '../structures/instances';
import { encodeCropMask, rleToCropMask } from '../structures/rle_raster';

/** A way of looking at an image: mirrored left to right, then turned clockwise, then seen larger or smaller. */
export interface View {
  readonly mirror: boolean;
  /** Quarter turns clockwise, 0 to 3. */
  readonly turns: number;
  /** Factor on the size at which the network sees it. */
  readonly scale: number;
}

/** Pixels that can be looked at from any side. */
export interface ViewedImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly image: Uint8Array | Float32Array;
}

/** As it is; mirrored; a half and a quarter turn; a quarter smaller and a quarter larger. */
export const DEFAULT_VIEWS: readonly View[] = [
  { mirror: false, turns: 0, scale: 1 },
  { mirror: true, turns: 0, scale: 1 },
  { mirror: false, turns: 2, scale: 1 },
  { mirror: true, turns: 1, scale: 1 },
  { mirror: false, turns: 0, scale: 0.8 },
  { mirror: false, turns: 0, scale: 1.25 },
];

/** The image as a view shows it, at its own size: `scale` is for the network. */
export function viewImage<T extends ViewedImage>(picture: T, { mirror, turns }: View): ViewedImage {
  if (!mirror && turns === 0) return picture;
  const { height, width, image } = picture;
  const across = turns % 2 === 1;
  const [h, w] = across ? [width, height] : [height, width];
  const out = image instanceof Uint8Array ? new Uint8Array(image.length) : new Float32Array(image.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = turnPixel(mirror ? width - 1 - x : x, y, width, height, turns);
      const [from, to] = [(y * width + x) * 3, (v * w + u) * 3];
      out[to] = image[from];
      out[to + 1] = image[from + 1];
      out[to + 2] = image[from + 2];
    }
  return { height: h, width: w, image: out };
}

/** Instances found in a view, in the coordinates of the image itself. */
export function unviewInstances(instances: Instances, { mirror, turns }: View): Instances {
  if (!mirror && turns === 0) return instances;
  const back = (4 - turns) % 4;
  const across = back % 2 === 1;
  const [height, width] = across ? [instances.width, instances.height] : [instances.height, instances.width];
  const boxes = new Float32Array(instances.boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [x1, y1, x2, y2] = instances.boxes.subarray(i, i + 4);
    const a = turnPoint(x1, y1, instances.width, instances.height, back);
    const b = turnPoint(x2, y2, instances.width, instances.height, back);
    const [left, right] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
    boxes.set(
      mirror
        ? [width - right, Math.min(a[1], b[1]), width - left, Math.max(a[1], b[1])]
        : [left, Math.min(a[1], b[1]), right, Math.max(a[1], b[1])],
      i,
    );
  }
  const masks = instances.masks.map((rle) => {
    const turned = turnCrop(rleToCropMask(rle), instances.width, instances.height, back);
    return encodeCropMask(mirror ? mirrorCrop(turned, width) : turned, height, width);
  });
  return { ...instances, height, width, boxes, masks };
}

/** Where a pixel of a width x height image lies after quarter turns clockwise. */
function turnPixel(x: number, y: number, width: number, height: number, turns: number): [number, number] {
  if (turns === 1) return [height - 1 - y, x];
  if (turns === 2) return [width - 1 - x, height - 1 - y];
  return turns === 3 ? [y, width - 1 - x] : [x, y];
}

/** The same for a point: pixel centres are at .5. */
function turnPoint(x: number, y: number, width: number, height: number, turns: number): [number, number] {
  const [u, v] = turnPixel(x - 0.5, y - 0.5, width, height, turns);
  return [u + 0.5, v + 0.5];
}

function turnCrop(mask: CropMask, imageWidth: number, imageHeight: number, turns: number): CropMask {
  if (turns === 0) return mask;
  const { x, y, width, height, data } = mask;
  const a = turnPixel(x, y, imageWidth, imageHeight, turns);
  const b = turnPixel(x + width - 1, y + height - 1, imageWidth, imageHeight, turns);
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const [w, h] = turns % 2 === 1 ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  for (let row = 0, k = 0; row < height; row++)
    for (let column = 0; column < width; column++, k++) {
      const [u, v] = turnPixel(column, row, width, height, turns);
      out[v * w + u] = data[k];
    }
  return { x: left, y: top, width: w, height: h, data: out };
}

function mirrorCrop(mask: CropMask, imageWidth: number): CropMask {
  const { x, width, height, data } = mask;
  const out = new Uint8Array(data.length);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      out[row * width + column] = data[(row + 1) * width - 1 - column];
  return { ...mask, x: imageWidth - x - width, data: out };
}
