import type { LabelMap } from '../formats/label_map';
import type { CoordinateMap } from './coordinates';
import type { TurnStep } from './geometry';
import type { BorderMode } from './transforms';

export interface Border {
  readonly mode: BorderMode;
  /** Grey level outside, for `constant`. Labels are 0 there. */
  readonly fill: number;
}

/** The input row or column a whole-number coordinate stands for, or -1 outside. */
function borderIndex(at: number, length: number, mode: BorderMode): number {
  if (at >= 0 && at < length) return at;
  if (mode === 'constant') return -1;
  if (mode === 'replicate' || length === 1) return at < 0 ? 0 : length - 1;
  const period = 2 * (length - 1);
  const phase = ((at % period) + period) % period;
  return phase < length ? phase : period - phase;
}

/** Bilinear sampling of an interleaved RGB image; outside as `border` says, blended over the edge as OpenCV does. */
export function remapImage(
  image: Uint8Array,
  width: number,
  height: number,
  map: CoordinateMap,
  border: Border,
): Uint8Array {
  const out = new Uint8Array(map.x.length * 3);
  const row = width * 3;
  for (let i = 0, to = 0; i < map.x.length; i++, to += 3) {
    const u = map.x[i];
    const v = map.y[i];
    const left = Math.floor(u);
    const top = Math.floor(v);
    const fx = u - left;
    const fy = v - top;
    if (left >= 0 && top >= 0 && left < width - 1 && top < height - 1) {
      const at = top * row + left * 3;
      const below = at + row;
      const a = (1 - fx) * (1 - fy);
      const b = fx * (1 - fy);
      const c = (1 - fx) * fy;
      const d = fx * fy;
      // Written out: a loop over three channels costs a third more.
      out[to] = a * image[at] + b * image[at + 3] + c * image[below] + d * image[below + 3] + 0.5;
      out[to + 1] = a * image[at + 1] + b * image[at + 4] + c * image[below + 1] + d * image[below + 4] + 0.5;
      out[to + 2] = a * image[at + 2] + b * image[at + 5] + c * image[below + 2] + d * image[below + 5] + 0.5;
    } else sampleEdge(image, width, height, left, top, fx, fy, border, out, to);
  }
  return out;
}

function sampleEdge(
  image: Uint8Array,
  width: number,
  height: number,
  left: number,
  top: number,
  fx: number,
  fy: number,
  { mode, fill }: Border,
  out: Uint8Array,
  to: number,
): void {
  const x0 = borderIndex(left, width, mode);
  const x1 = borderIndex(left + 1, width, mode);
  const y0 = borderIndex(top, height, mode);
  const y1 = borderIndex(top + 1, height, mode);
  const pixel = (x: number, y: number, c: number): number =>
    x < 0 || y < 0 ? fill : image[(y * width + x) * 3 + c];
  for (let c = 0; c < 3; c++) {
    // A tap without weight is not read: the last row and column are exact.
    let value = (1 - fx) * (1 - fy) * pixel(x0, y0, c);
    if (fx > 0) value += fx * (1 - fy) * pixel(x1, y0, c);
    if (fy > 0) value += (1 - fx) * fy * pixel(x0, y1, c);
    if (fx > 0 && fy > 0) value += fx * fy * pixel(x1, y1, c);
    out[to + c] = value + 0.5;
  }
}

/** Nearest-neighbour sampling of label maps: every value is one of the input, or 0 outside. */
export function remapLabels(
  maps: readonly (LabelMap | null)[],
  width: number,
  height: number,
  map: CoordinateMap,
  border: Border,
): (LabelMap | null)[] {
  const sources = maps.filter((labels): labels is LabelMap => labels !== null);
  const targets = sources.map((labels) =>
    labels instanceof Uint16Array ? new Uint16Array(map.x.length) : new Int32Array(map.x.length),
  );
  const labelled = labelledPixels(sources, width * height);
  for (let i = 0; i < map.x.length; i++) {
    const x = Math.floor(map.x[i] + 0.5);
    const y = Math.floor(map.y[i] + 0.5);
    let from = y * width + x;
    if (x < 0 || y < 0 || x >= width || y >= height) {
      const column = borderIndex(x, width, border.mode);
      const row = borderIndex(y, height, border.mode);
      if (column < 0 || row < 0) continue;
      from = row * width + column;
    }
    // Most pixels belong to no cell of any class.
    if (labelled[from] === 0) continue;
    for (let k = 0; k < sources.length; k++) targets[k][i] = sources[k][from];
  }
  let next = 0;
  return maps.map((labels) => labels && targets[next++]);
}

/** Which pixels belong to a cell of any class. */
function labelledPixels(maps: readonly LabelMap[], count: number): Uint8Array {
  const out = new Uint8Array(count);
  for (const labels of maps) for (let p = 0; p < count; p++) if (labels[p] !== 0) out[p] = 1;
  return out;
}

/** Whole-number turns, mirrors and crops of an interleaved array: pixels are moved, never mixed. */
export function turnPixels<T extends Uint8Array | Uint16Array | Int32Array>(
  data: T,
  width: number,
  channels: number,
  step: TurnStep,
): T {
  const [a, b, c, d, e, f] = step.matrix;
  const out = new (data.constructor as new (length: number) => T)(step.width * step.height * channels);
  const stepX = (a + d * width) * channels;
  const stepY = (b + e * width) * channels;
  let to = 0;
  for (let y = 0; y < step.height; y++) {
    let from = (c + f * width) * channels + y * stepY;
    if (stepX === channels) {
      out.set(data.subarray(from, from + step.width * channels), to);
      to += step.width * channels;
    } else if (channels === 3)
      for (let x = 0; x < step.width; x++, from += stepX, to += 3) {
        out[to] = data[from];
        out[to + 1] = data[from + 1];
        out[to + 2] = data[from + 2];
      }
    else for (let x = 0; x < step.width; x++, from += stepX) out[to++] = data[from];
  }
  return out;
}
