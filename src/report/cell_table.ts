import type { Instances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { rleToCropMask } from '../geometry/rle';
import { type CellShape, measureCell } from '../metrics/cells/shape';
import type { RasterImage } from '../plots/canvas';

/** What is measured of one cell. */
export interface CellRow extends CellShape {
  /** From 1, in the order of the instances. */
  readonly cell: number;
  readonly class: string;
  readonly score: number;
  /** Red, green, blue: mean and standard deviation over the cell's pixels, 0..255. */
  readonly means: readonly number[];
  readonly stds: readonly number[];
}

/** Measures every instance. @param order of the image's channels. */
export function measureCells(
  instances: Instances,
  picture: RasterImage,
  classes: readonly string[],
  order: 'rgb' | 'bgr' = 'rgb',
): CellRow[] {
  return instances.masks.map((rle, i) => {
    const mask = rleToCropMask(rle);
    const label = instances.labels[i];
    return {
      cell: i + 1,
      class: classes[label - 1] ?? `class${label}`,
      score: instances.scores[i],
      ...measureCell(mask),
      ...colours(mask, picture, order),
    };
  });
}

function colours(
  mask: CropMask,
  { image, width }: RasterImage,
  order: 'rgb' | 'bgr',
): Pick<CellRow, 'means' | 'stds'> {
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  let n = 0;
  for (let y = 0, k = 0; y < mask.height; y++)
    for (let x = 0; x < mask.width; x++, k++) {
      if (mask.data[k] === 0) continue;
      n++;
      const at = ((mask.y + y) * width + mask.x + x) * 3;
      for (let c = 0; c < 3; c++) {
        const value = image[at + (order === 'bgr' ? 2 - c : c)];
        sums[c] += value;
        squares[c] += value * value;
      }
    }
  const means = sums.map((sum) => (n ? sum / n : 0));
  return {
    means,
    stds: squares.map((square, c) => (n ? Math.sqrt(Math.max(0, square / n - means[c] ** 2)) : 0)),
  };
}

const PIXELS = ['x', 'y', 'area', 'perimeter', 'eccentricity', 'solidity'] as const;
const COLOURS = ['red', 'green', 'blue'];

/** Names of the columns: pixels, and micrometres where the pixel size is known for some image. */
export function cellColumns(micrometres: boolean): string[] {
  return [
    'image',
    'cell',
    'class',
    'score',
    ...PIXELS,
    ...(micrometres ? ['x_um', 'y_um', 'area_um2', 'perimeter_um'] : []),
    ...COLOURS.flatMap((name) => [`${name}_mean`, `${name}_std`]),
  ];
}

/** The values of one cell in the order of `cellColumns`; NaN for micrometres where the pixel size is not known. */
export function cellValues(
  image: string,
  row: CellRow,
  micrometres: boolean,
  pixelSize: number | undefined,
): (string | number)[] {
  const um = pixelSize ?? Number.NaN;
  const sizes = [row.x * um, row.y * um, row.area * um * um, row.perimeter * um];
  const numbers = [
    row.score,
    ...PIXELS.map((name) => row[name]),
    ...(micrometres ? sizes : []),
    ...COLOURS.flatMap((_, c) => [row.means[c], row.stds[c]]),
  ];
  return [image, row.cell, row.class, ...numbers];
}

/** One line of the CSV file: numbers to four places, what is not known left empty. */
export function cellLine(
  image: string,
  row: CellRow,
  micrometres: boolean,
  pixelSize: number | undefined,
): string {
  return cellValues(image, row, micrometres, pixelSize)
    .map((value) => {
      if (typeof value === 'string') return csvText(value);
      return Number.isFinite(value) ? String(Number(value.toFixed(4))) : '';
    })
    .join(',');
}

/** A text as CSV holds it (RFC 4180). What a spreadsheet would take as a formula gets an apostrophe before it. */
export function csvText(text: string): string {
  if (/^[=+\-@\t\r]/.test(text)) return `"'${text.replaceAll('"', '""')}"`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
