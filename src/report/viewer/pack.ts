import { type Contour, traceContours } from '../../geometry/contour';
import type { Instances } from '../../geometry/instances';
import type { CropMask } from '../../geometry/masks';
import { sortByScore } from '../../geometry/nms';
import { rleToCropMask } from '../../geometry/rle';
import { contourColour } from '../../plots/canvas';
import { measureCells } from '../cell_table';
import { coveredCells, type TrueCells } from '../images';
import type { PackedRing, ViewedShape, ViewerData } from './viewer_data';

export interface ViewedImage {
  readonly title: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly image: Uint8Array;
  readonly channelOrder: 'rgb' | 'bgr';
  /** Micrometres a pixel, where known. */
  readonly pixelSize?: number;
  readonly classes: readonly string[];
  readonly instances: Instances;
  readonly groundTruth?: TrueCells;
  /** Score from which cells are shown at first. Default 0.5. */
  readonly threshold?: number;
}

/** What the page is told of an image: outlines, measurements, and which true cell each one covers. */
export function packViewer(viewed: ViewedImage): ViewerData {
  const { title, width, height, pixelSize, classes, instances, groundTruth } = viewed;
  const order = sortByScore(instances.scores);
  const measured = measureCells(instances, viewed, classes, viewed.channelOrder);
  const matches = groundTruth ? coveredCells(instances, groundTruth) : undefined;
  const um = pixelSize ?? 1;
  return {
    title,
    width,
    height,
    pixelSize: pixelSize ?? null,
    classes: classes.map((name, k) => ({ name, colour: contourColour(k + 1) })),
    measurements: [
      { name: 'area', unit: pixelSize === undefined ? 'px' : 'µm²' },
      { name: 'perimeter', unit: pixelSize === undefined ? 'px' : 'µm' },
      { name: 'eccentricity', unit: '' },
      { name: 'solidity', unit: '' },
      { name: 'x, y', unit: 'px' },
      { name: 'mean red, green, blue', unit: '' },
    ],
    cells: Array.from(order, (row) => {
      const cell = measured[row];
      return {
        label: instances.labels[row],
        score: rounded(instances.scores[row], 4),
        rings: packRings(rleToCropMask(instances.masks[row])),
        values: [
          rounded(cell.area * um * um, 1),
          rounded(cell.perimeter * um, 1),
          rounded(cell.eccentricity, 2),
          rounded(cell.solidity, 2),
          `${Math.round(cell.x)}, ${Math.round(cell.y)}`,
          cell.means.map((mean) => Math.round(mean)).join(', '),
        ],
        match: matches ? matches[row] : -1,
      };
    }),
    groundTruth: groundTruth
      ? groundTruth.masks.map((mask, i) => trueShape(mask, groundTruth.labels[i]))
      : null,
    threshold: viewed.threshold ?? 0.5,
  };
}

function trueShape(mask: CropMask, label: number): ViewedShape {
  return { label, rings: packRings(mask) };
}

function packRings(mask: CropMask): PackedRing[] {
  return traceContours(mask).map(packRing);
}

/** A traced line begins at the end of a stretch to the right: the next piece goes up or down. */
function packRing({ points }: Contour): PackedRing {
  const ring = [points[0], points[1]];
  for (let i = 2; i < points.length; i += 2)
    ring.push((i / 2) % 2 === 1 ? points[i + 1] - points[i - 1] : points[i] - points[i - 2]);
  return ring;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
