import type { SampleArray } from './sample_array';

/** Whether width and height change places. */
export function turnsSides(orientation: number): boolean {
  return orientation >= 5 && orientation <= 8;
}

/**
 * Pixels turned upright by EXIF's orientation (1 upright, 2 mirrored, 3 turned by 180 degrees, 4 upside down, 5 to 8 on
 * their side). The array itself where nothing is to be done.
 *
 * @param data [height * width * channels] as stored.
 */
export function turnUpright<T extends SampleArray>(
  data: T,
  { width, height, channels }: { width: number; height: number; channels: number },
  orientation: number,
): T {
  if (!(orientation >= 2 && orientation <= 8)) return data;
  const out = new (data.constructor as new (length: number) => T)(data.length);
  const [w, h] = turnsSides(orientation) ? [height, width] : [width, height];
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [sx, sy] = source(orientation, x, y, width, height);
      const from = (sy * width + sx) * channels;
      const to = (y * w + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c];
    }
  return out;
}

/** EXIF 2.3, tag 274: the stored pixel that is shown at (x, y). */
function source(orientation: number, x: number, y: number, width: number, height: number): [number, number] {
  switch (orientation) {
    case 2:
      return [width - 1 - x, y];
    case 3:
      return [width - 1 - x, height - 1 - y];
    case 4:
      return [x, height - 1 - y];
    case 5:
      return [y, x];
    case 6:
      return [y, height - 1 - x];
    case 7:
      return [width - 1 - y, height - 1 - x];
    default:
      return [width - 1 - y, x];
  }
}
