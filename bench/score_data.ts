import { createRng, type Rng } from '../src/core/rng';
import type { CropMask } from '../src/geometry/masks';
import { encodeCropMask, type Rle, rleArea, rleBox, rleToString } from '../src/geometry/rle';

/** Centre, radii and angle. */
interface Ellipse {
  readonly x: number;
  readonly y: number;
  readonly rx: number;
  readonly ry: number;
  readonly angle: number;
}

/** The pixels of an ellipse, cropped to its box. */
export function ellipseMask({ x, y, rx, ry, angle }: Ellipse): CropMask {
  const reach = Math.ceil(Math.max(rx, ry));
  const [left, top, size] = [Math.floor(x) - reach, Math.floor(y) - reach, 2 * reach + 1];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const data = new Uint8Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) {
      const [dx, dy] = [left + column - x, top + row - y];
      const [u, v] = [(dx * c + dy * s) / rx, (dy * c - dx * s) / ry];
      if (u * u + v * v <= 1) data[row * size + column] = 1;
    }
  return { x: left, y: top, width: size, height: size, data };
}

/** A cell of 12 to 40 px somewhere in a square image. */
export function randomCell(rng: Rng, size: number): Ellipse {
  return {
    x: rng.uniform(10, size - 10),
    y: rng.uniform(10, size - 10),
    rx: rng.uniform(6, 20),
    ry: rng.uniform(6, 20),
    angle: rng.uniform(0, Math.PI),
  };
}

export interface ScoreData {
  readonly groundTruth: unknown;
  readonly results: readonly unknown[];
}

/** A COCO ground truth and results of 100 images, 80 true cells and 120 detections each. */
export function makeScoreData(
  classes: number,
  images = 100,
  groundTruths = 80,
  detections = 120,
  size = 512,
): ScoreData {
  const rng = createRng(`score data of ${classes} classes`);
  const annotations: unknown[] = [];
  const results: unknown[] = [];
  const numbers = Array.from({ length: images }, (_, i) => i + 1);
  for (const image_id of numbers) {
    const cells = Array.from({ length: groundTruths }, () => ({
      cell: randomCell(rng, size),
      category_id: rng.integer(1, classes + 1),
    }));
    for (const { cell, category_id } of cells) {
      const rle = encodeCropMask(ellipseMask(cell), size, size);
      annotations.push({
        id: annotations.length + 1,
        image_id,
        category_id,
        iscrowd: 0,
        area: rleArea(rle),
        ...coco(rle),
      });
    }
    for (let i = 0; i < detections; i++) {
      const { cell, category_id } = cells[i % groundTruths];
      const moved = {
        x: cell.x + rng.normal(0, 3),
        y: cell.y + rng.normal(0, 3),
        rx: cell.rx * Math.exp(rng.normal(0, 0.15)),
        ry: cell.ry * Math.exp(rng.normal(0, 0.15)),
        angle: cell.angle,
      };
      const rle = encodeCropMask(ellipseMask(moved), size, size);
      results.push({ image_id, category_id, score: rng.next(), ...coco(rle) });
    }
  }
  const groundTruth = {
    images: numbers.map((id) => ({ id, height: size, width: size, file_name: `${id}.tif` })),
    annotations,
    categories: Array.from({ length: classes }, (_, c) => ({ id: c + 1, name: `class${c + 1}` })),
  };
  return { groundTruth, results };
}

function coco(rle: Rle): object {
  return { segmentation: { size: rle.size, counts: rleToString(rle) }, bbox: rleBox(rle) };
}
