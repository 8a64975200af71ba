import { composeTurns, type GeometryStep, type TurnStep } from './geometry';

/** Where each pixel of the output comes from in the input, as pixel centres. [height * width] each. */
export interface CoordinateMap {
  readonly width: number;
  readonly height: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Neighbouring whole-number steps joined into one. */
export function joinTurns(steps: readonly GeometryStep[]): GeometryStep[] {
  const out: GeometryStep[] = [];
  for (const step of steps) {
    const last = out[out.length - 1];
    if (step.kind === 'turn' && last?.kind === 'turn') out[out.length - 1] = composeTurns(last, step);
    else out.push(step);
  }
  return out;
}

/** Follows every pixel of the output back through all steps, the last first. */
export function coordinateMap(steps: readonly GeometryStep[]): CoordinateMap {
  const last = steps[steps.length - 1];
  const { width, height } = last;
  const map = { width, height, x: new Float32Array(width * height), y: new Float32Array(width * height) };
  // Points of the output stand on its pixels: the fields of a last distortion are read there as they are.
  const dx = last.kind === 'displacement' ? last.dx : undefined;
  const dy = last.kind === 'displacement' ? last.dy : undefined;
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      map.x[at] = dx ? x + dx[at] : x;
      map.y[at] = dy ? y + dy[at] : y;
    }
  for (let s = steps.length - (dx ? 2 : 1); s >= 0; s--) followBack(steps[s], map);
  return map;
}

function followBack(step: GeometryStep, map: CoordinateMap): void {
  if (step.kind === 'turn') turnBack(step, map);
  else if (step.kind === 'scale') {
    resizeBack(map.x, step.width, step.inputWidth);
    resizeBack(map.y, step.height, step.inputHeight);
  } else if (step.kind === 'grid') {
    lookUp(map.x, step.columns);
    lookUp(map.y, step.rows);
  } else displaceBack(map, step.dx, step.dy, step.width, step.height);
}

function turnBack({ matrix: [a, b, c, d, e, f] }: TurnStep, { x, y }: CoordinateMap): void {
  for (let i = 0; i < x.length; i++) {
    const px = x[i];
    const py = y[i];
    x[i] = a * px + b * py + c;
    y[i] = d * px + e * py + f;
  }
}

/** Points within the image stay within its outermost pixel centres; points outside stay outside. */
function resizeBack(values: Float32Array, length: number, inputLength: number): void {
  const ratio = inputLength / length;
  for (let i = 0; i < values.length; i++) {
    const at = values[i];
    const source = (at + 0.5) * ratio - 0.5;
    if (at < 0) values[i] = at < -0.5 ? source : Math.max(0, source);
    else if (at > length - 1) values[i] = at > length - 0.5 ? source : Math.min(inputLength - 1, source);
    else values[i] = Math.min(Math.max(source, 0), inputLength - 1);
  }
}

/** Linear between entries; beyond the ends the distance to the end is kept. */
function lookUp(values: Float32Array, table: Float32Array): void {
  const last = table.length - 1;
  for (let i = 0; i < values.length; i++) {
    const at = values[i];
    if (at <= 0) values[i] = table[0] + at;
    else if (at >= last) values[i] = table[last] + (at - last);
    else {
      const k = Math.floor(at);
      values[i] = table[k] + (table[k + 1] - table[k]) * (at - k);
    }
  }
}

function displaceBack(
  { x, y }: CoordinateMap,
  dx: Float32Array,
  dy: Float32Array,
  width: number,
  height: number,
): void {
  for (let i = 0; i < x.length; i++) {
    const px = Math.min(Math.max(x[i], 0), width - 1);
    const py = Math.min(Math.max(y[i], 0), height - 1);
    const left = Math.min(Math.floor(px), Math.max(0, width - 2));
    const top = Math.min(Math.floor(py), Math.max(0, height - 2));
    const fx = px - left;
    const fy = py - top;
    const at = top * width + left;
    const right = width > 1 ? 1 : 0;
    const below = height > 1 ? width : 0;
    const mix = (field: Float32Array): number => {
      const upper = field[at] + (field[at + right] - field[at]) * fx;
      const lower = field[at + below] + (field[at + below + right] - field[at + below]) * fx;
      return upper + (lower - upper) * fy;
    };
    x[i] += mix(dx);
    y[i] += mix(dy);
  }
}
