/** Weights of dx, dy, dw, dh (Girshick et al. 2014, appendix C; torchvision's BoxCoder). */
export type CoderWeights = readonly [number, number, number, number];
export const RPN_WEIGHTS: CoderWeights = [1, 1, 1, 1];
export const BOX_WEIGHTS: CoderWeights = [10, 10, 5, 5];

/** Largest log of a growth, so that exp stays finite. */
const CLIP = Math.log(1000 / 16);

/** Offsets that turn `reference` box i into `target` box j, written to `out` at `at`. */
export function encodeBox(
  target: Float32Array,
  j: number,
  reference: Float32Array,
  i: number,
  weights: CoderWeights,
  out: Float32Array,
  at: number,
): void {
  const r = i * 4;
  const t = j * 4;
  const width = reference[r + 2] - reference[r];
  const height = reference[r + 3] - reference[r + 1];
  const targetWidth = target[t + 2] - target[t];
  const targetHeight = target[t + 3] - target[t + 1];
  out[at] = (weights[0] * (target[t] + 0.5 * targetWidth - reference[r] - 0.5 * width)) / width;
  out[at + 1] =
    (weights[1] * (target[t + 1] + 0.5 * targetHeight - reference[r + 1] - 0.5 * height)) / height;
  out[at + 2] = weights[2] * Math.log(targetWidth / width);
  out[at + 3] = weights[3] * Math.log(targetHeight / height);
}

/** Applies the offsets at `d` of `deltas` to `reference` box i; writes the box to `out` at `at`. */
export function decodeBox(
  deltas: Float32Array,
  d: number,
  reference: Float32Array,
  i: number,
  weights: CoderWeights,
  out: Float32Array,
  at: number,
): void {
  const r = i * 4;
  const width = reference[r + 2] - reference[r];
  const height = reference[r + 3] - reference[r + 1];
  const x = (deltas[d] / weights[0]) * width + reference[r] + 0.5 * width;
  const y = (deltas[d + 1] / weights[1]) * height + reference[r + 1] + 0.5 * height;
  const halfWidth = 0.5 * width * Math.exp(Math.min(deltas[d + 2] / weights[2], CLIP));
  const halfHeight = 0.5 * height * Math.exp(Math.min(deltas[d + 3] / weights[3], CLIP));
  out[at] = x - halfWidth;
  out[at + 1] = y - halfHeight;
  out[at + 2] = x + halfWidth;
  out[at + 3] = y + halfHeight;
}
