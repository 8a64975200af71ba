import type { BackboneSpec } from '../../config/architectures';
import { applyChain, Conv, type ConvSpec, type Mode } from '../../nn/conv';
import { kaimingNormal } from '../../nn/init';
import type { ParameterStore } from '../../nn/parameters';
import { add } from '../../runtime/ops/elementwise';
import type { Tensor4D } from '../../runtime/tf';
import type { Backbone, BackboneNorm } from './backbone';

type EfficientNetLiteSpec = Extract<BackboneSpec, { family: 'efficientnet_lite' }>;

/** kernel, stride, expansion, outputs, repeats: EfficientNet-B0's stages (Tan and Le 2019, table 1). */
const STAGES = [
  [3, 1, 1, 16, 1],
  [3, 2, 6, 24, 2],
  [5, 2, 6, 40, 2],
  [3, 2, 6, 80, 3],
  [5, 1, 6, 112, 3],
  [5, 2, 6, 192, 4],
  [3, 1, 6, 320, 1],
] as const;
/** Outputs of the stem, which no factor changes. */
const STEM = 32;

/** Channels times a factor, to a multiple of 8 that is not under nine tenths of the product. */
function scaledChannels(channels: number, factor: number): number {
  const wanted = channels * factor;
  const rounded = Math.max(8, Math.floor(wanted / 8 + 0.5) * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/**
 * EfficientNet-Lite (Tan and Le 2019; the Lite family of the TPU models): no squeeze-and-excitation, ReLU6, TensorFlow's
 * 'SAME' padding. Width scales the channels of every stage, depth the repeats of all but the first and the last.
 */
export class EfficientNetLite implements Backbone {
  readonly channels: readonly number[];
  private readonly stem: Conv;
  private readonly blocks: readonly Block[];
  /** The last blocks of strides 4, 8, 16 and 32. */
  private readonly taps: readonly number[];

  constructor(
    store: ParameterStore,
    { width, depth }: EfficientNetLiteSpec,
    norm: BackboneNorm,
    prefix = 'backbone.body.',
  ) {
    const conv = (spec: Omit<ConvSpec, 'init' | 'padding' | 'norm'>, normName: string): Conv =>
      new Conv(store, {
        ...spec,
        name: `${prefix}${spec.name}`,
        norm: { ...norm, name: `${prefix}${normName}` },
        padding: 'same',
        init: kaimingNormal,
      });
    this.stem = conv(
      { name: '_conv_stem', inputs: 3, outputs: STEM, size: 3, stride: 2, activation: 'relu6' },
      '_bn0',
    );
    const blocks: Block[] = [];
    const channels: number[] = [];
    const taps: number[] = [];
    let inputs = STEM;
    STAGES.forEach(([size, stride, expansion, base, repeats], stage) => {
      const outputs = scaledChannels(base, width);
      const edge = stage === 0 || stage === STAGES.length - 1;
      for (let i = 0; i < (edge ? repeats : Math.ceil(repeats * depth)); i++) {
        blocks.push(block(conv, blocks.length, size, i ? 1 : stride, expansion, inputs, outputs));
        inputs = outputs;
      }
      // The stage after which the stride doubles, and the last, give a map; the first is of stride 2.
      const next = STAGES[stage + 1];
      if (stage > 0 && (!next || next[1] === 2)) {
        channels.push(outputs);
        taps.push(blocks.length - 1);
      }
    });
    this.channels = channels;
    this.taps = taps;
    this.blocks = blocks;
  }

  apply(images: Tensor4D, mode: Mode): Tensor4D[] {
    let x = this.stem.apply(images, mode);
    const features: Tensor4D[] = [];
    this.blocks.forEach(({ convs, skip }, i) => {
      const y = applyChain(convs, x, mode);
      x = skip ? add(y, x) : y;
      if (skip) y.dispose();
      if (this.taps.includes(i)) features.push(x);
    });
    return features;
  }
}

interface Block {
  readonly convs: readonly Conv[];
  readonly skip: boolean;
}

/** Inverted residual: expand 1 x 1, depthwise, project 1 x 1 (Sandler et al. 2018). */
function block(
  conv: (spec: Omit<ConvSpec, 'init' | 'padding' | 'norm'>, normName: string) => Conv,
  index: number,
  size: number,
  stride: number,
  expansion: number,
  inputs: number,
  outputs: number,
): Block {
  const prefix = `_blocks.${index}.`;
  const width = inputs * expansion;
  const activation = 'relu6' as const;
  const expand =
    expansion > 1
      ? [
          conv(
            { name: `${prefix}_expand_conv`, inputs, outputs: width, size: 1, activation },
            `${prefix}_bn0`,
          ),
        ]
      : [];
  return {
    convs: [
      ...expand,
      conv(
        {
          name: `${prefix}_depthwise_conv`,
          inputs: width,
          outputs: width,
          size,
          stride,
          depthwise: true,
          activation,
        },
        `${prefix}_bn1`,
      ),
      conv({ name: `${prefix}_project_conv`, inputs: width, outputs, size: 1 }, `${prefix}_bn2`),
    ],
    skip: stride === 1 && inputs === outputs,
  };
}
