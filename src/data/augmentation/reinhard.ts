import type { ChannelOrder } from '../dataset_info';

// Reinhard et al. 2001: means and deviations in the decorrelated space l-alpha-beta of log cone responses.

const TO_LMS = [0.3811, 0.5783, 0.0402, 0.1967, 0.7244, 0.0782, 0.0241, 0.1288, 0.8444];
const FROM_LMS = [4.4679, -3.5873, 0.1193, -1.2186, 2.3809, -0.1624, 0.0497, -0.2439, 1.2045];
const R3 = Math.sqrt(3);
const R6 = Math.sqrt(6);
const R2 = Math.sqrt(2);

/** Means and deviations of a typical haematoxylin-eosin image: the mean over the CoNSeP training images. */
const TARGET = { mean: [13.14, -0.141, 0.0276], deviation: [0.513, 0.118, 0.0169] } as const;

/** Brings mean and deviation of the three channels of l-alpha-beta to the target's. In place. */
export function normalizeReinhard(image: Uint8Array, order: ChannelOrder): void {
  const lab = toLab(image, order);
  const { mean, deviation } = labStatistics(lab);
  for (let i = 0; i < lab.length; i++) {
    const c = i % 3;
    lab[i] = ((lab[i] - mean[c]) / Math.max(deviation[c], 1e-6)) * TARGET.deviation[c] + TARGET.mean[c];
  }
  fromLab(lab, image, order);
}

/** Mean and deviation of each channel of l-alpha-beta. */
export function labStatistics(lab: Float64Array): { mean: number[]; deviation: number[] } {
  const count = lab.length / 3;
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  for (let i = 0; i < lab.length; i++) {
    sum[i % 3] += lab[i];
    squares[i % 3] += lab[i] * lab[i];
  }
  const mean = sum.map((value) => value / count);
  return {
    mean,
    deviation: squares.map((value, c) => Math.sqrt(Math.max(0, value / count - mean[c] * mean[c]))),
  };
}

/** RGB bytes to l-alpha-beta (logarithms to base 2 of cone responses to 1..256). */
export function toLab(image: Uint8Array, order: ChannelOrder): Float64Array {
  const [r, g, b] = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const out = new Float64Array(image.length);
  for (let i = 0; i < image.length; i += 3) {
    const red = image[i + r] + 1;
    const green = image[i + g] + 1;
    const blue = image[i + b] + 1;
    const l = Math.log2(TO_LMS[0] * red + TO_LMS[1] * green + TO_LMS[2] * blue);
    const m = Math.log2(TO_LMS[3] * red + TO_LMS[4] * green + TO_LMS[5] * blue);
    const s = Math.log2(TO_LMS[6] * red + TO_LMS[7] * green + TO_LMS[8] * blue);
    out[i] = (l + m + s) / R3;
    out[i + 1] = (l + m - 2 * s) / R6;
    out[i + 2] = (l - m) / R2;
  }
  return out;
}

function fromLab(lab: Float64Array, image: Uint8Array, order: ChannelOrder): void {
  const at = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  for (let i = 0; i < lab.length; i += 3) {
    const common = lab[i] / R3 + lab[i + 1] / R6;
    const l = 2 ** (common + lab[i + 2] / R2);
    const m = 2 ** (common - lab[i + 2] / R2);
    const s = 2 ** (lab[i] / R3 - (2 * lab[i + 1]) / R6);
    for (let c = 0; c < 3; c++) {
      const value = FROM_LMS[3 * c] * l + FROM_LMS[3 * c + 1] * m + FROM_LMS[3 * c + 2] * s - 0.5;
      image[i + at[c]] = value < 0 ? 0 : Math.min(value, 255);
    }
  }
}
