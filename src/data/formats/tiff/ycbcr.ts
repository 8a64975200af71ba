/**
 * Pixels that share their two colour values, spread out to three values a pixel: units of `across` x `down` luminances
 * and one Cb and Cr (TIFF 6.0 section 21). The values are repeated, as libtiff does.
 *
 * @returns [rows * columns * 3]
 */
export function spreadChroma(
  data: Uint8Array,
  columns: number,
  rows: number,
  [across, down]: readonly [number, number],
): Uint8Array {
  const out = new Uint8Array(rows * columns * 3);
  const unit = across * down + 2;
  const units = Math.ceil(columns / across);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const at = (Math.floor(y / down) * units + Math.floor(x / across)) * unit;
      const to = (y * columns + x) * 3;
      out[to] = data[at + (y % down) * across + (x % across)];
      out[to + 1] = data[at + unit - 2];
      out[to + 2] = data[at + unit - 1];
    }
  return out;
}

/** Luma weights of red, green and blue, and black and white of the three channels; the defaults of TIFF 6.0 section 21. */
export interface YccScale {
  readonly coefficients: readonly number[];
  readonly reference: readonly number[];
}

export const DEFAULT_YCC: YccScale = {
  coefficients: [0.299, 0.587, 0.114],
  reference: [0, 255, 128, 255, 128, 255],
};

/** YCbCr to RGB, in place: [n * 3]. */
export function yccToRgb(data: Uint8Array, { coefficients, reference }: YccScale = DEFAULT_YCC): void {
  const [red, green, blue] = coefficients;
  const [y0, y1, b0, b1, r0, r1] = reference;
  const luma = 255 / (y1 - y0);
  const [toBlue, toRed] = [127 / (b1 - b0), 127 / (r1 - r0)];
  const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value));
  for (let i = 0; i < data.length; i += 3) {
    const y = (data[i] - y0) * luma;
    const cb = (data[i + 1] - b0) * toBlue;
    const cr = (data[i + 2] - r0) * toRed;
    const r = y + cr * (2 - 2 * red);
    const b = y + cb * (2 - 2 * blue);
    data[i] = clamp(r);
    data[i + 1] = clamp((y - blue * b - red * r) / green);
    data[i + 2] = clamp(b);
  }
}

/**
 * CIELab of 8 bits to sRGB, in place: [n * 3]. L is 0..255 for 0..100; a and b are signed bytes (photometric 8) or have
 * 128 added (9). White is D50, carried to D65 by Bradford's matrix, as ICC profiles do.
 */
export function labToRgb(data: Uint8Array, offset: boolean): void {
  const inverse = (t: number): number => (t > 6 / 29 ? t ** 3 : (t - 16 / 116) * 3 * (6 / 29) ** 2);
  const encode = (linear: number): number => {
    const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
    return Math.min(255, Math.max(0, Math.round(255 * value)));
  };
  for (let i = 0; i < data.length; i += 3) {
    const a = offset ? data[i + 1] - 128 : (data[i + 1] << 24) >> 24;
    const b = offset ? data[i + 2] - 128 : (data[i + 2] << 24) >> 24;
    const fy = (data[i] / 2.55 + 16) / 116;
    const x = 0.9642 * inverse(fy + a / 500);
    const y = inverse(fy);
    const z = 0.8251 * inverse(fy - b / 200);
    // XYZ of D50 to linear sRGB, Bradford's adaptation included (Lindbloom).
    data[i] = encode(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
    data[i + 1] = encode(-0.9787684 * x + 1.9161415 * y + 0.033454 * z);
    data[i + 2] = encode(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
  }
}
