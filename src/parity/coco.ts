import { decodeRle, encodeMask, type Rle, rleFromString, rleToString } from '../geometry/rle';
import { rleIouMatrix } from '../geometry/rle_operations';
import { matchCocoResults } from '../metrics/coco/evaluate';
import { CocoGroundTruth } from '../metrics/coco/ground_truth';
import type { CocoMatches } from '../metrics/coco/match';
import { CocoResults } from '../metrics/coco/results';
import { type CocoScores, precisionRecallCurve, summarizeCoco } from '../metrics/coco/summary';

/** How far a recomputed field lies from its golden value. */
export interface GoldenField {
  readonly field: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

interface StringCode {
  readonly size: [number, number];
  readonly counts: string;
}
interface GoldenClass extends Partial<CocoScores> {
  readonly precisionAt50?: readonly number[];
}
interface Segmented {
  readonly segmentation?: unknown;
}
interface CocoGolden {
  readonly dataset: { readonly annotations: readonly Segmented[] };
  readonly detections: readonly Segmented[];
  readonly eval: Readonly<Record<string, GoldenClass & { readonly perClass: Record<string, GoldenClass> }>>;
  readonly iou?: { readonly gt: StringCode[]; readonly dt: StringCode[]; readonly matrix: number[][] };
}

const KEYS = [
  'AP',
  'AP50',
  'AP75',
  'AR',
  'APsmall',
  'APmedium',
  'APlarge',
  'ARsmall',
  'ARmedium',
  'ARlarge',
] as const;

/**
 * Recomputes every number of a golden file made by pycocotools (`parity/coco_*.json`): strings must be identical,
 * evaluation values within 1e-9, overlaps within 1e-12.
 */
export function recomputeCocoGolden(golden: Readonly<Record<string, unknown>>): GoldenField[] {
  const file = golden as unknown as CocoGolden;
  const fields = [stringsField('rle.annotations', file.dataset.annotations)];
  fields.push(stringsField('rle.detections', file.detections));
  if (file.iou) fields.push(iouField(file.iou));
  for (const [name, expected] of Object.entries(file.eval)) {
    const [type, maxDets] = name.split('@');
    const groundTruth = new CocoGroundTruth(file.dataset, 'golden dataset');
    const results = new CocoResults(groundTruth, 'golden detections');
    for (const detection of file.detections) results.add(detection);
    const matches = matchCocoResults(groundTruth, results, {
      type: type === 'bbox' ? 'bbox' : 'segm',
      maxDets: Number(maxDets),
    });
    const summary = summarizeCoco(matches);
    for (const key of KEYS)
      if (key in expected) fields.push(field(`${name}.${key}`, [summary[key]], [expected[key]], 1e-9));
    for (const [id, values] of Object.entries(expected.perClass)) {
      const k = (groundTruth.findClass(Number(id)) ?? 0) - 1;
      for (const key of KEYS)
        if (key in values)
          fields.push(field(`${name}.${id}.${key}`, [summary.perClass[k]?.[key]], [values[key]], 1e-9));
      if (values.precisionAt50)
        fields.push(
          field(`${name}.${id}.precisionAt50`, precisionAt50(matches, k), values.precisionAt50, 1e-9),
        );
    }
  }
  return fields;
}

/** Precision at recall 0, 0.1 … 1; -1 for a class without ground truth. */
function precisionAt50(matches: CocoMatches, k: number): number[] {
  const curve = precisionRecallCurve(matches, k, 0.5);
  return Array.from({ length: 11 }, (_, i) => (curve ? curve.precision[10 * i] : -1));
}

/** String codes decoded to a raster, encoded again and written: the number of strings that differ. */
function stringsField(name: string, items: readonly Segmented[]): GoldenField {
  const codes = items.flatMap(({ segmentation }) => (isStringCode(segmentation) ? [segmentation] : []));
  const different = codes.filter(({ size, counts }) => {
    const rle = encodeMask(decodeRle(rleFromString(counts, size)), size[0], size[1]);
    return rleToString(rle) !== counts;
  }).length;
  return { field: name, maxError: different, tolerance: 0, ok: different === 0 };
}

function isStringCode(value: unknown): value is StringCode {
  return typeof (value as Partial<StringCode> | null | undefined)?.counts === 'string';
}

function iouField({ gt, dt, matrix }: NonNullable<CocoGolden['iou']>): GoldenField {
  const decode = ({ size, counts }: StringCode): Rle => rleFromString(counts, size);
  return field('iou', [...rleIouMatrix(dt.map(decode), gt.map(decode))], matrix.flat(), 1e-12);
}

function field(
  name: string,
  values: readonly (number | undefined)[],
  expected: readonly (number | undefined)[],
  tolerance: number,
): GoldenField {
  // A value that is missing on one side is an error of 1 at least.
  let maxError = values.length === expected.length ? 0 : 1;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((values[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    maxError = Math.max(maxError, Number.isNaN(error) ? 1 : error);
  }
  return { field: name, maxError, tolerance, ok: maxError <= tolerance };
}
