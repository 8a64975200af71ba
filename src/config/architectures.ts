export type BackboneName = 'resnet18' | 'resnet50' | 'efficientnet_lite0';

/**
 * Everything a Mask R-CNN is built from. All of it is read at construction; nothing can be set afterwards.
 * Beside each value: torchvision's default -> the report's, where they differ.
 */
export interface MaskRcnnConfig {
  readonly backbone: BackboneName;
  /** Norms of the backbone. torchvision: frozen with pretrained weights, live in v2. */
  readonly norm: 'frozen' | 'live';
  /** Epsilon of the backbone's norms: 1e-5; 1e-3 in EfficientNet-Lite; 0 for maskrcnn_resnet50_fpn_coco. */
  readonly normEpsilon: number;
  /** Live norms in the pyramid and the heads (v2) or none (v1). */
  readonly headNorm: 'none' | 'live';
  /** Classes with the background: 91 for COCO -> 5. */
  readonly numClasses: number;
  /** Channels of the pyramid: 256; 128 in the light model. */
  readonly fpnChannels: number;
  readonly image: {
    /** Mean and standard deviation per channel, for pixels in 0..1. */
    readonly mean: readonly number[];
    readonly std: readonly number[];
    /**
     * When the model resizes: 'always'; 'testing', which is what torchvision's `_skip_resize` comes to; 'never', so that
     * the size chosen by augmentation or prediction is what the network sees.
     */
    readonly resize: 'always' | 'testing' | 'never';
    /** Shorter side after resizing: 800. */
    readonly minSize: number;
    /** Limit of the longer side: 1333. */
    readonly maxSize: number;
  };
  readonly anchors: {
    /** Sides in pixels, one list a level: 32, 64, 128, 256, 512 -> 8, 16, 32, 64, 128. */
    readonly sizes: readonly (readonly number[])[];
    /** Height over width: 0.5, 1, 2. */
    readonly aspectRatios: readonly number[];
  };
  readonly rpn: {
    /** 3 x 3 convolutions in the head: 1; 2 in v2. */
    readonly convDepth: number;
    /** Proposals before NMS, per level: 2000 -> 2000 asked for by the text. */
    readonly preNmsTopNTrain: number;
    readonly preNmsTopNTest: number;
    /** Proposals after NMS, per image: 2000 in training, 1000 in testing. */
    readonly postNmsTopNTrain: number;
    readonly postNmsTopNTest: number;
    /** 0.7, the report's value too. */
    readonly nmsThreshold: number;
    readonly foregroundIou: number;
    readonly backgroundIou: number;
    readonly batchSizePerImage: number;
    readonly positiveFraction: number;
  };
  readonly box: {
    /** 'mlp': two fully connected layers; 'conv': four convolutions with norms and one such layer (v2). */
    readonly head: 'mlp' | 'conv';
    /** Width of the fully connected layers: 1024; 512 in the light model. */
    readonly representationSize: number;
    readonly foregroundIou: number;
    readonly batchSizePerImage: number;
    readonly positiveFraction: number;
    /** Detections below this score are dropped: 0.05. */
    readonly scoreThreshold: number;
    /** 0.5 within a class. */
    readonly nmsThreshold: number;
    /** Per image, all classes: 100 -> 300. */
    readonly detectionsPerImage: number;
  };
  readonly mask: {
    /** Convolutions of the mask head: 4. */
    readonly depth: number;
  };
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const TENSORFLOW = {
  mean: [127 / 255, 127 / 255, 127 / 255],
  std: [128 / 255, 128 / 255, 128 / 255],
} as const;

/** torchvision's defaults, with the report's anchors, classes and detections an image. */
const resnet50Fpn: MaskRcnnConfig = {
  backbone: 'resnet50',
  norm: 'frozen',
  normEpsilon: 1e-5,
  headNorm: 'none',
  numClasses: 5,
  fpnChannels: 256,
  image: { ...IMAGENET, resize: 'always', minSize: 800, maxSize: 1333 },
  anchors: { sizes: [[8], [16], [32], [64], [128]], aspectRatios: [0.5, 1, 2] },
  rpn: {
    convDepth: 1,
    preNmsTopNTrain: 2000,
    preNmsTopNTest: 1000,
    postNmsTopNTrain: 2000,
    postNmsTopNTest: 1000,
    nmsThreshold: 0.7,
    foregroundIou: 0.7,
    backgroundIou: 0.3,
    batchSizePerImage: 256,
    positiveFraction: 0.5,
  },
  box: {
    head: 'mlp',
    representationSize: 1024,
    foregroundIou: 0.5,
    batchSizePerImage: 512,
    positiveFraction: 0.25,
    scoreThreshold: 0.05,
    nmsThreshold: 0.5,
    detectionsPerImage: 300,
  },
  mask: { depth: 4 },
};

/** The named architectures. A model is one of them with differences. */
export const MODELS = {
  resnet50_fpn: resnet50Fpn,
  resnet18_fpn: { ...resnet50Fpn, backbone: 'resnet18' },
  resnet50_fpn_v2: {
    ...resnet50Fpn,
    norm: 'live',
    headNorm: 'live',
    rpn: { ...resnet50Fpn.rpn, convDepth: 2 },
    box: { ...resnet50Fpn.box, head: 'conv' },
  },
  efficientnet_lite0_fpn: {
    ...resnet50Fpn,
    backbone: 'efficientnet_lite0',
    normEpsilon: 1e-3,
    fpnChannels: 128,
    image: { ...TENSORFLOW, resize: 'never', minSize: 800, maxSize: 1333 },
    rpn: { ...resnet50Fpn.rpn, postNmsTopNTrain: 1000, postNmsTopNTest: 500 },
    box: { ...resnet50Fpn.box, representationSize: 512, batchSizePerImage: 256 },
  },
} as const satisfies Record<string, MaskRcnnConfig>;

export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES: readonly ModelName[] = Object.keys(MODELS) as ModelName[];
