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
  readonly variant: 'efficientnet_lite0';
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
