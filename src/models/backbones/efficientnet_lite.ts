import { applyChain, Conv, type ConvSpec, type Mode, type NormMode } from '../../nn/conv';
import { kaimingNormal } from '../../nn/init';
import type { ParameterStore } from '../../nn/parameters';
import { add } from '../../runtime/ops/elementwise';
import type { Tensor4D } from '../../runtime/tf';
import type { Backbone } from '../fpn';

/** kernel, stride, expansion, inputs, outputs, repeats: EfficientNet-B0's stages (Tan and Le 2019, table 1). */
const STAGES = [
  [3, 1, 1, 32, 16, 1],
  [3, 2, 6, 16, 24, 2],
  [5, 2, 6, 24, 40, 2],
  [3, 2, 6, 40, 80, 3],
  [5, 1, 6, 80, 112, 3],
  [5, 2, 6, 112, 192, 4],
  [3, 1, 6, 192, 320, 1],
] as const;
/** The last blocks of strides 4, 8, 16 and 32. */
const TAPS = [2, 4, 10, 15];

/** EfficientNet-Lite0: no squeeze-and-excitation, ReLU6, TensorFlow's 'SAME' padding. */
export class EfficientNetLite0 implements Backbone {
  readonly channels: readonly number[] = [24, 40, 112, 320];
  private readonly stem: Conv;
  private readonly blocks: readonly Block[];

  constructor(store: ParameterStore, norm: { mode: NormMode; epsilon: number }, prefix = 'backbone.body.') {
    const conv = (spec: Omit<ConvSpec, 'init' | 'padding' | 'norm'>, normName: string): Conv =>
      new Conv(store, {
        ...spec,
        name: `${prefix}${spec.name}`,
        norm: { ...norm, name: `${prefix}${normName}` },
        padding: 'same',
        init: kaimingNormal,
      });
    this.stem = conv(
      { name: '_conv_stem', inputs: 3, outputs: 32, size: 3, stride: 2, activation: 'relu6' },
      '_bn0',
    );
    const blocks: Block[] = [];
    for (const [size, stride, expansion, inputs, outputs, repeats] of STAGES)
      for (let i = 0; i < repeats; i++)
        blocks.push(
          block(conv, blocks.length, size, i ? 1 : stride, expansion, i ? outputs : inputs, outputs),
        );
    this.blocks = blocks;
  }

  apply(images: Tensor4D, mode: Mode): Tensor4D[] {
    let x = this.stem.apply(images, mode);
    const features: Tensor4D[] = [];
    this.blocks.forEach(({ convs, skip }, i) => {
      const y = applyChain(convs, x, mode);
      x = skip ? add(y, x) : y;
      if (skip) y.dispose();
      if (TAPS.includes(i)) features.push(x);
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
