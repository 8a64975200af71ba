import type { Instances } from '../../geometry/instances';
import type { CropMask } from '../../geometry/masks';
import { mapMasks } from './masks';

export interface BoundarySettings {
  /** Cells of fewer pixels keep their largest piece only; 0 leaves all tiles. */
  readonly largestUnder: number;
  readonly fillHoles: boolean;
}

/** The report's values: the largest contour for cells under 5,000 px; holes filled. */
export const REPORT_BOUNDARY: BoundarySettings = { largestUnder: 5000, fillHoles: true };

/** One piece without holes for each cell, as far as the settings say. */
export function refineBoundaries(
  instances: Instances,
  { largestUnder, fillHoles }: BoundarySettings = REPORT_BOUNDARY,
): Instances {
  return mapMasks(instances, (mask) => {
    let area = 0;
    for (let i = 0; i < mask.data.length; i++) area += mask.data[i];
    const filled = fillHoles ? fillMask(mask) : mask;
    return area < largestUnder ? largestComponent(filled) : filled;
  });
}

/** The piece of most pixels (the first of equals); pixels that touch at a corner belong together, as in OpenCV. */
export function largestComponent(mask: CropMask): CropMask {
  const { width, height, data } = mask;
  const piece = new Int32Array(data.length);
  const stack = new Int32Array(data.length);
  let [count, best, most] = [0, 0, 0];
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || piece[start] !== 0) continue;
    count++;
    let [top, size] = [0, 0];
    stack[top++] = start;
    piece[start] = count;
    while (top > 0) {
      const at = stack[--top];
      size++;
      const x = at % width;
      const y = (at - x) / width;
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++)
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const next = v * width + u;
          if (data[next] === 0 || piece[next] !== 0) continue;
          piece[next] = count;
          stack[top++] = next;
        }
    }
    if (size > most) [best, most] = [count, size];
  }
  if (count <= 1) return mask;
  return { ...mask, data: Uint8Array.from(piece, (value) => (value === best ? 1 : 0)) };
}

/** The mask with every background pixel set from which no way (up, down, left, right) leads out of the crop. */
export function fillMask(mask: CropMask): CropMask {
  const { width, height, data } = mask;
  const outside = new Uint8Array(data.length);
  const stack = new Int32Array(data.length);
  let top = 0;
  const visit = (at: number): void => {
    if (data[at] !== 0 || outside[at] !== 0) return;
    outside[at] = 1;
    stack[top++] = at;
  };
  for (let x = 0; x < width; x++) {
    visit(x);
    visit((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    visit(y * width);
    visit(y * width + width - 1);
  }
  while (top > 0) {
    const at = stack[--top];
    const x = at % width;
    if (x > 0) visit(at - 1);
    if (x < width - 1) visit(at + 1);
    if (at >= width) visit(at - width);
    if (at < data.length - width) visit(at + width);
  }
  let holes = false;
  for (let i = 0; i < data.length && !holes; i++) holes = data[i] === 0 && outside[i] === 0;
  return holes ? { ...mask, data: outside.map((value) => 1 - value) } : mask;
}
