// Every tensor, image and target of a golden file is a function of its name: parity/README.md has the rule.
import { createRng, fnv1a32 } from '../core/rng';
import type { CropMask } from '../geometry/masks';
import type { Target } from '../models/transform';

/** Factors of the generated weights by a part of the name; the first that fits counts. */
const GAINS: readonly (readonly [string, number])[] = [
  ['bn3.weight', 0.3],
  ['rpn.head.bbox_pred', 0.25],
  ['box_predictor.bbox_pred', 0.5],
];
const SHARP_NAMES = ['rpn.head.cls_logits', 'box_predictor.cls_score', 'mask_fcn_logits'];
/** The factors of SHARP_NAMES, which make real scores, and masks with area; some variants need others. */
const SHARP = [1, 3, 8] as const;
const SHARP_OF: Readonly<Record<string, readonly [number, number, number]>> = {
  resnet18_fpn: [0.3, 0.7, 4],
  resnet50_fpn_v2: [4, 6, 8],
};

/** Values of a named tensor in PyTorch's layout. */
export function generateTensor(variant: string, name: string, shape: readonly number[]): Float32Array {
  const rng = createRng(fnv1a32(name));
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const draw = distribution(variant, name, shape);
  for (let i = 0; i < values.length; i++) values[i] = draw(rng.next());
  return values;
}

function distribution(variant: string, name: string, shape: readonly number[]): (u: number) => number {
  if (name.endsWith('running_mean')) return (u) => (u - 0.5) * 0.2;
  if (name.endsWith('running_var')) return (u) => 0.8 + 0.4 * u;
  if (shape.length === 1 && name.endsWith('.weight')) {
    const gain = name.endsWith('bn3.weight') ? 0.3 : 1;
    return (u) => (0.4 + 0.2 * u) * gain;
  }
  if (name.endsWith('.bias')) return (u) => (u - 0.5) * 0.2;
  const fanIn = name.includes('conv5_mask') ? shape[0] : shape.slice(1).reduce((a, b) => a * b, 1);
  const gains = [...GAINS, ...SHARP_NAMES.map((part, i) => [part, (SHARP_OF[variant] ?? SHARP)[i]] as const)];
  const bound = Math.sqrt(6 / fanIn);
  const gain = gains.find(([part]) => name.includes(part))?.[1] ?? 1;
  return (u) => (u * 2 - 1) * bound * gain;
}

/** Smooth blobs with hashed noise: [h * w * 3] in 0..1. */
export function generateImage(name: string, height: number, width: number): Float32Array {
  const rng = createRng(fnv1a32(name));
  const image = new Float32Array(height * width * 3);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const base = 0.5 + 0.3 * Math.sin(x / 11 + c) * Math.cos(y / 7 - c);
        image[(y * width + x) * 3 + c] = Math.min(Math.max(base + 0.15 * (rng.next() - 0.5), 0), 1);
      }
  return image;
}

/** Ellipses with boxes, classes 1..4 and masks. */
export function generateTargets(name: string, height: number, width: number, count: number): Target {
  const rng = createRng(fnv1a32(name));
  const boxes = new Float32Array(count * 4);
  const labels = new Int32Array(count);
  const masks: CropMask[] = [];
  for (let i = 0; i < count; i++) {
    const [a, b, c, d, e] = [rng.next(), rng.next(), rng.next(), rng.next(), rng.next()];
    const [rx, ry] = [5 + 12 * c, 5 + 12 * d];
    const [cx, cy] = [rx + 1 + a * (width - 2 * rx - 2), ry + 1 + b * (height - 2 * ry - 2)];
    const mask = ellipse(cx, cy, rx, ry, height, width);
    boxes.set([mask.x, mask.y, mask.x + mask.width, mask.y + mask.height], i * 4);
    labels[i] = 1 + Math.floor(e * 4);
    masks.push(mask);
  }
  return { boxes, labels, masks };
}

function ellipse(cx: number, cy: number, rx: number, ry: number, height: number, width: number): CropMask {
  const inside = (y: number, x: number): boolean => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1;
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = Math.max(0, Math.floor(cy - ry)); y <= Math.min(height - 1, Math.ceil(cy + ry)); y++)
    for (let x = Math.max(0, Math.floor(cx - rx)); x <= Math.min(width - 1, Math.ceil(cx + rx)); x++)
      if (inside(y, x)) {
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      }
  const [w, h] = [right - left + 1, bottom - top + 1];
  const data = Uint8Array.from({ length: w * h }, (_, i) =>
    Number(inside(top + Math.floor(i / w), left + (i % w))),
  );
  return { x: left, y: top, width: w, height: h, data };
}

/** The positions a probe of `size` elements looks at. */
export function probeIndices(name: string, count: number, size: number): number[] {
  const rng = createRng(fnv1a32(`probe:${name}`));
  return Array.from({ length: count }, () => Math.floor(rng.next() * size));
}
