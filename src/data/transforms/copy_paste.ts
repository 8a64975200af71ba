import type { Rng } from '../../core/rng';
import type { CropMask } from '../../geometry/masks';
import { extractInstances } from '../extract_instances';
import type { LabelMap } from '../formats/label_map';
import type { DatasetRecord } from '../record';

interface Canvas {
  readonly width: number;
  readonly height: number;
  image: Uint8Array;
  labelMaps: (LabelMap | null)[];
}

/**
 * Pastes up to `maxCells` whole cells of `donor` at random places, in front of what is there (Ghiasi et al. 2021,
 * without scaling). Changes `canvas`, whose arrays must be its own; pasted cells get numbers over those in use and over
 * those of `used`, by class index.
 */
export function copyPaste(
  canvas: Canvas,
  donor: DatasetRecord,
  maxCells: number,
  rng: Rng,
  used: ReadonlyMap<number, ArrayLike<number>> = new Map(),
): void {
  const cells = wholeCells(donor);
  const count = Math.min(cells.length, rng.integer(1, maxCells + 1));
  for (let n = 0; n < count; n++) {
    const { mask, label } = rng.pick(cells);
    if (mask.width > canvas.width || mask.height > canvas.height) continue;
    const x = rng.integer(0, canvas.width - mask.width + 1);
    const y = rng.integer(0, canvas.height - mask.height + 1);
    paste(canvas, donor, mask, label, x, y, used.get(label - 1)?.length ?? 0);
  }
}

/** Cells that the edge of their image does not cut. */
function wholeCells({ labelMaps, width, height }: DatasetRecord): { mask: CropMask; label: number }[] {
  return labelMaps.flatMap((map, c) => {
    if (!map) return [];
    return extractInstances(map, height, width)
      .masks.filter((m) => m.x > 0 && m.y > 0 && m.x + m.width < width && m.y + m.height < height)
      .map((mask) => ({ mask, label: c + 1 }));
  });
}

function paste(
  canvas: Canvas,
  donor: DatasetRecord,
  mask: CropMask,
  label: number,
  x: number,
  y: number,
  usedUpTo: number,
): void {
  const { width, image, labelMaps } = canvas;
  const own = labelMaps[label - 1] ?? new Uint16Array(width * canvas.height);
  let number = usedUpTo;
  for (let i = 0; i < own.length; i++) if (own[i] > number) number = own[i];
  number++;
  // 65,535 cells in one map: the pasted one is left out.
  if (own instanceof Uint16Array && number > 65535) return;
  labelMaps[label - 1] = own;
  for (let row = 0; row < mask.height; row++)
    for (let column = 0; column < mask.width; column++) {
      if (!mask.data[row * mask.width + column]) continue;
      const to = (y + row) * width + x + column;
      const from = (mask.y + row) * donor.width + mask.x + column;
      for (let c = 0; c < 3; c++) image[3 * to + c] = donor.image[3 * from + c];
      for (const map of labelMaps) if (map) map[to] = 0;
      own[to] = number;
    }
}
