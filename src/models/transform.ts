import type { MaskRcnnConfig } from '../config/schema';
import { ShapeError } from '../core/errors';
import { scaleBoxes } from '../geometry/boxes';
import type { CropMask } from '../geometry/masks';
import { type Tensor4D, tf } from '../runtime/tf';

/** An image as the model takes it. */
export interface ModelImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3]; bytes 0..255, or floats in 0..1. */
  readonly image: Uint8Array | Float32Array;
}

/** The instances of an image, for training. */
export interface Target {
  /** [n * 4] */
  readonly boxes: Float32Array;
  /** [n] 1..K */
  readonly labels: Int32Array;
  readonly masks: readonly CropMask[];
}

/** A batch of images of one size. */
export interface ImageBatch {
  /** [N, H, W, 3] normalised, padded with zeros to multiples of 32. The caller disposes it. */
  readonly tensor: Tensor4D;
  /** [height, width] of each image after resizing, before padding. */
  readonly sizes: readonly (readonly [number, number])[];
}

const MULTIPLE = 32;

/**
 * Resizes, normalises and pads images of any size into one batch (torchvision's GeneralizedRCNNTransform).
 * @param sizes [height, width] of each image after resizing.
 */
export function batchImages(
  images: readonly ModelImage[],
  sizes: ImageBatch['sizes'],
  config: MaskRcnnConfig['image'],
): ImageBatch {
  const up = (side: number): number => Math.ceil(side / MULTIPLE) * MULTIPLE;
  const height = up(Math.max(...sizes.map(([h]) => h)));
  const width = up(Math.max(...sizes.map(([, w]) => w)));
  const data = new Float32Array(images.length * height * width * 3);
  images.forEach((image, n) => {
    if (image.image.length !== image.height * image.width * 3)
      throw new ShapeError(
        `image ${n}: expected ${image.height} x ${image.width} x 3 values, got ${image.image.length}`,
      );
    writeImage(image, sizes[n], data.subarray(n * height * width * 3), width, config);
  });
  return { tensor: tf.tensor4d(data, [images.length, height, width, 3]), sizes };
}

function writeImage(
  { image, height, width }: ModelImage,
  [outHeight, outWidth]: readonly [number, number],
  out: Float32Array,
  rowLength: number,
  { mean, std }: MaskRcnnConfig['image'],
): void {
  const unit = image instanceof Uint8Array ? 1 / 255 : 1;
  const scale = std.map((d) => unit / d);
  const shift = mean.map((m, c) => -m / std[c]);
  const xs = sourcePositions(outWidth, width);
  const ys = sourcePositions(outHeight, height);
  for (let y = 0; y < outHeight; y++) {
    const fy = ys.fraction[y];
    const top = ys.low[y] * width * 3;
    const bottom = Math.min(ys.low[y] + 1, height - 1) * width * 3;
    for (let x = 0; x < outWidth; x++) {
      const fx = xs.fraction[x];
      const left = xs.low[x] * 3;
      const right = Math.min(xs.low[x] + 1, width - 1) * 3;
      const at = (y * rowLength + x) * 3;
      for (let c = 0; c < 3; c++) {
        let value: number = image[top + left + c];
        if (fx !== 0 || fy !== 0) {
          const upper = value * (1 - fx) + image[top + right + c] * fx;
          const lower = image[bottom + left + c] * (1 - fx) + image[bottom + right + c] * fx;
          value = upper * (1 - fy) + lower * fy;
        }
        out[at + c] = value * scale[c] + shift[c];
      }
    }
  }
}

/** Bilinear sampling positions with pixel centres at .5 (align_corners false), the scale taken from the sizes. */
function sourcePositions(outSize: number, inSize: number): { low: Int32Array; fraction: Float64Array } {
  const low = new Int32Array(outSize);
  const fraction = new Float64Array(outSize);
  for (let i = 0; i < outSize; i++) {
    const source = Math.max(((i + 0.5) * inSize) / outSize - 0.5, 0);
    low[i] = Math.min(Math.floor(source), inSize - 1);
    fraction[i] = low[i] === inSize - 1 ? 0 : source - low[i];
  }
  return { low, fraction };
}

/** Boxes and masks of an image after its resizing; masks by nearest neighbour. */
export function resizeTarget(
  target: Target,
  from: ModelImage,
  [height, width]: readonly [number, number],
): Target {
  if (from.height === height && from.width === width) return target;
  return {
    labels: target.labels,
    boxes: scaleBoxes(target.boxes, width / from.width, height / from.height),
    masks: target.masks.map((mask) =>
      resizeMask(mask, width / from.width, height / from.height, width, height),
    ),
  };
}

function resizeMask(mask: CropMask, scaleX: number, scaleY: number, width: number, height: number): CropMask {
  // Output pixel i reads input pixel floor(i / scale): the outputs that read the crop are ceil(x * scale) onwards.
  const x = Math.ceil(mask.x * scaleX - 1e-9);
  const y = Math.ceil(mask.y * scaleY - 1e-9);
  const right = Math.min(width, Math.ceil((mask.x + mask.width) * scaleX - 1e-9));
  const bottom = Math.min(height, Math.ceil((mask.y + mask.height) * scaleY - 1e-9));
  const [w, h] = [Math.max(right - x, 0), Math.max(bottom - y, 0)];
  const data = new Uint8Array(w * h);
  const clamp = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1);
  for (let i = 0; i < h; i++) {
    const row = clamp(Math.floor((y + i) / scaleY + 1e-9) - mask.y, mask.height) * mask.width;
    for (let j = 0; j < w; j++)
      data[i * w + j] = mask.data[row + clamp(Math.floor((x + j) / scaleX + 1e-9) - mask.x, mask.width)];
  }
  return { x, y, width: w, height: h, data };
}
