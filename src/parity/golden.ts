import type { BackboneName } from '../config/architectures';
// The form of a golden file of a detector: what make_torchvision_golden.py writes.

export interface Probe {
  readonly shape: readonly number[];
  readonly absmax: number;
  readonly index: readonly number[];
  readonly value: readonly number[];
}

export interface GoldenBoxes {
  readonly boxes: readonly (readonly number[])[];
  readonly scores: readonly number[];
  readonly maskAreas: readonly number[];
}

export interface DetectorGolden {
  readonly variant: string;
  readonly tag: string;
  readonly height: number;
  readonly width: number;
  readonly second: readonly [number, number];
  readonly minSize: number | null;
  readonly maxSize: number | null;
  readonly learningRate: number;
  readonly image: Probe;
  readonly transformed: Probe & { readonly imageSize: readonly [number, number] };
  readonly features: Readonly<Record<string, Probe>>;
  readonly featuresAfter3Steps: Readonly<Record<string, Probe>>;
  readonly rpn: { readonly objectness: readonly Probe[]; readonly deltas: readonly Probe[] };
  readonly anchors: Probe & { readonly first: readonly number[][]; readonly last: readonly number[][] };
  readonly proposals: { readonly count: number; readonly first100: readonly number[][] };
  readonly rois: readonly number[][];
  readonly roiAlign7: Probe;
  readonly roiAlign14: Probe;
  readonly boxHead: {
    readonly features: Probe;
    readonly logits: readonly number[][];
    readonly deltas: readonly number[][];
  };
  readonly maskLogits: Probe;
  readonly detections: GoldenBoxes;
  readonly training: readonly {
    readonly losses: Readonly<Record<string, number>>;
    readonly gradients?: Readonly<
      Record<string, { norm: number; index: readonly number[]; value: readonly number[] }>
    >;
  }[];
  readonly stateDict: Readonly<Record<string, readonly number[]>>;
  readonly float32Error: Readonly<Record<string, number>>;
}

export interface BackboneGolden {
  readonly variant: BackboneName;
  readonly tag: string;
  readonly height: number;
  readonly width: number;
  readonly weights: string;
  readonly normalised: Probe;
  readonly features: Readonly<Record<string, Probe>>;
  readonly logits: Probe;
  readonly top5: readonly number[];
}

/** One compared field. */
export interface FieldResult {
  readonly field: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

/** Largest difference at the probed positions over the field's largest value. @param values in PyTorch's layout */
export function tensorError(golden: Probe, values: ArrayLike<number>): number {
  let largest = 0;
  golden.index.forEach((at, i) => {
    largest = Math.max(largest, distance(values[at], golden.value[i]));
  });
  return largest / Math.max(golden.absmax, 1e-30);
}

/** The same for a table given whole. */
export function tableError(golden: readonly (readonly number[])[], values: ArrayLike<number>): number {
  const flat = golden.flat();
  let [largest, scale] = [0, 0];
  flat.forEach((wanted, i) => {
    largest = Math.max(largest, distance(values[i], wanted));
    scale = Math.max(scale, Math.abs(wanted));
  });
  return flat.length === values.length ? largest / scale : Number.POSITIVE_INFINITY;
}

/** A missing or non-finite value is infinitely wrong. */
function distance(got: number | undefined, wanted: number): number {
  const difference = Math.abs((got ?? Number.NaN) - wanted);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

export interface BoxMatch {
  /** Share of golden boxes without a counterpart of IoU over 0.9. */
  readonly unmatched: number;
  /** Largest difference of a coordinate among the matched, pixels. */
  readonly px: number;
  /** [row of the golden, row of ours] */
  readonly pairs: readonly (readonly [number, number])[];
}

/** Each golden box with our box of highest IoU. @param boxes [n * 4] */
export function matchBoxes(golden: readonly (readonly number[])[], boxes: Float32Array): BoxMatch {
  const count = boxes.length / 4;
  if (!golden.length || !count) return { unmatched: Number(golden.length !== count), px: 0, pairs: [] };
  const pairs: [number, number][] = [];
  let px = 0;
  golden.forEach((wanted, i) => {
    let [best, row] = [0.9, -1];
    for (let j = 0; j < count; j++) {
      const value = iou(wanted, boxes, j * 4);
      if (value > best) [best, row] = [value, j];
    }
    if (row < 0) return;
    pairs.push([i, row]);
    for (let c = 0; c < 4; c++) px = Math.max(px, Math.abs(wanted[c] - boxes[row * 4 + c]));
  });
  return { unmatched: 1 - pairs.length / golden.length, px, pairs };
}

function iou(a: readonly number[], b: Float32Array, at: number): number {
  const width = Math.max(0, Math.min(a[2], b[at + 2]) - Math.max(a[0], b[at]));
  const height = Math.max(0, Math.min(a[3], b[at + 3]) - Math.max(a[1], b[at + 1]));
  const overlap = width * height;
  return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[at + 2] - b[at]) * (b[at + 3] - b[at + 1]) - overlap);
}
