/** What a backbone is built from; its family names the file of src/models/backbones that builds it. */
export type BackboneSpec =
  | {
      readonly family: 'resnet';
      readonly block: 'basic' | 'bottleneck';
      /** Blocks of the four stages. */
      readonly depths: readonly [number, number, number, number];
    }
  | {
      readonly family: 'efficientnet_lite';
      /** Factors on the channels and the repeats of EfficientNet-Lite0. */
      readonly width: number;
      readonly depth: number;
    };

/** Where ImageNet weights come from: a file that torchvision publishes, or one that the set-up fetches with the packages. */
export type ImageNetWeights = { readonly published: string } | { readonly packaged: string };

interface BackboneEntry {
  readonly spec: BackboneSpec;
  readonly imageNet: ImageNetWeights;
}

/** Every backbone. Each gives an architecture of its name with `_fpn`. */
export const BACKBONES = {
  resnet18: {
    spec: { family: 'resnet', block: 'basic', depths: [2, 2, 2, 2] },
    imageNet: { published: 'resnet18' },
  },
  resnet50: {
    spec: { family: 'resnet', block: 'bottleneck', depths: [3, 4, 6, 3] },
    imageNet: { published: 'resnet50' },
  },
  resnet101: {
    spec: { family: 'resnet', block: 'bottleneck', depths: [3, 4, 23, 3] },
    imageNet: { published: 'resnet101' },
  },
  efficientnet_lite0: {
    spec: { family: 'efficientnet_lite', width: 1, depth: 1 },
    imageNet: { packaged: 'efficientnet-lite0-57934424.pth' },
  },
  efficientnet_lite2: {
    spec: { family: 'efficientnet_lite', width: 1.1, depth: 1.2 },
    imageNet: { packaged: 'efficientnet-lite2-9656183e.pth' },
  },
} as const satisfies Record<string, BackboneEntry>;

export type BackboneName = keyof typeof BACKBONES;
export const BACKBONE_NAMES: readonly BackboneName[] = Object.keys(BACKBONES) as BackboneName[];

/** The parts of `model` in which an architecture may differ from the defaults of schema.ts. */
export interface NetworkDifferences {
  readonly backbone: BackboneName;
  readonly norm?: 'frozen' | 'live';
  readonly normEpsilon?: number;
  readonly headNorm?: 'none' | 'live';
  readonly fpnChannels?: number;
  readonly image?: {
    readonly mean?: readonly number[];
    readonly std?: readonly number[];
    readonly resize?: 'always' | 'testing' | 'never';
  };
  readonly rpn?: Readonly<Record<string, number>>;
  readonly box?: Readonly<Record<string, number | string>>;
}

interface ArchitectureEntry {
  readonly network: NetworkDifferences;
  /** Weights of the whole detector that torchvision publishes. */
  readonly coco?: string;
}

/** TensorFlow's normalisation, (255 x - 127) / 128, as (x - mean) / std of pixels in 0..1. */
const TENSORFLOW = { mean: [127 / 255, 127 / 255, 127 / 255], std: [128 / 255, 128 / 255, 128 / 255] };

/** What the detectors on backbones of a family share. */
const FAMILIES: Readonly<Record<BackboneSpec['family'], Omit<NetworkDifferences, 'backbone'>>> = {
  // torchvision's defaults, with the report's anchors, classes and detections an image: those of schema.ts.
  resnet: {},
  // The light model: half of the pyramid's channels, half of the proposals.
  efficientnet_lite: {
    normEpsilon: 1e-3,
    fpnChannels: 128,
    image: TENSORFLOW,
    rpn: { postNmsTopNTrain: 1000, postNmsTopNTest: 500 },
    box: { representationSize: 512, batchSizePerImage: 256 },
  },
};

const onBackbone = (backbone: BackboneName, coco?: string): ArchitectureEntry => ({
  network: { backbone, ...FAMILIES[BACKBONES[backbone].spec.family] },
  coco,
});

/** A detector on every backbone, and the variants that differ in more than that. */
export const ARCHITECTURES: Readonly<Record<ArchitectureName, ArchitectureEntry>> = {
  ...(Object.fromEntries(BACKBONE_NAMES.map((name) => [`${name}_fpn`, onBackbone(name)])) as Record<
    `${BackboneName}_fpn`,
    ArchitectureEntry
  >),
  resnet50_fpn: onBackbone('resnet50', 'maskrcnn_resnet50_fpn_coco'),
  resnet50_fpn_v2: {
    network: {
      backbone: 'resnet50',
      norm: 'live',
      headNorm: 'live',
      rpn: { convDepth: 2 },
      box: { head: 'conv' },
    },
    coco: 'maskrcnn_resnet50_fpn_v2_coco',
  },
};

/** What `model.architecture` may name. */
export type ArchitectureName = `${BackboneName}_fpn` | 'resnet50_fpn_v2';
export const ARCHITECTURE_NAMES: readonly ArchitectureName[] = [
  ...BACKBONE_NAMES.map((name) => `${name}_fpn` as const),
  'resnet50_fpn_v2',
];
