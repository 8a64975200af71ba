import type { BackboneSpec } from '../../config/architectures';
import { type Activation, applyChain, Conv, type Mode } from '../../nn/conv';
import { kaimingNormal } from '../../nn/init';
import type { ParameterStore } from '../../nn/parameters';
import { addRelu } from '../../runtime/ops/elementwise';
import { type Tensor4D, tf } from '../../runtime/tf';
import type { Backbone, BackboneNorm } from './backbone';

type ResNetSpec = Extract<BackboneSpec, { family: 'resnet' }>;

/** ResNet (He et al. 2016) with the stride in the 3 x 3 convolution, as torchvision's. */
export class ResNet implements Backbone {
  readonly channels: readonly number[];
  private readonly stem: Conv;
  private readonly stages: readonly (readonly Block[])[];

  constructor(store: ParameterStore, { block, depths }: ResNetSpec, norm: BackboneNorm) {
    const prefix = 'backbone.body';
    const bottleneck = block === 'bottleneck';
    const expansion = bottleneck ? 4 : 1;
    this.stem = new Conv(store, {
      name: `${prefix}.conv1`,
      inputs: 3,
      outputs: 64,
      size: 7,
      stride: 2,
      norm: { ...norm, name: `${prefix}.bn1` },
      activation: 'relu',
      init: kaimingNormal,
    });
    let inputs = 64;
    this.stages = depths.map((count, stage) => {
      const width = 64 << stage;
      return Array.from({ length: count }, (_, i) => {
        const one = new Block(
          store,
          `${prefix}.layer${stage + 1}.${i}`,
          inputs,
          width,
          i === 0 && stage > 0 ? 2 : 1,
          bottleneck,
          norm,
        );
        inputs = width * expansion;
        return one;
      });
    });
    this.channels = [0, 1, 2, 3].map((stage) => (64 << stage) * expansion);
  }

  apply(images: Tensor4D, mode: Mode): Tensor4D[] {
    const stem = this.stem.apply(images, mode);
    // Zero padding is exact for a maximum: the values are behind a ReLU.
    let x: Tensor4D = tf.maxPool(
      tf.pad(stem, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]),
      3,
      2,
      'valid',
    );
    return this.stages.map((blocks) => {
      for (const block of blocks) x = block.apply(x, mode);
      return x;
    });
  }
}

class Block {
  private readonly convs: readonly Conv[];
  private readonly downsample?: Conv;

  constructor(
    store: ParameterStore,
    name: string,
    inputs: number,
    width: number,
    stride: number,
    bottleneck: boolean,
    norm: BackboneNorm,
  ) {
    const outputs = bottleneck ? width * 4 : width;
    const conv = (
      i: number,
      from: number,
      to: number,
      size: number,
      step: number,
      activation: Activation,
    ): Conv =>
      new Conv(store, {
        name: `${name}.conv${i}`,
        inputs: from,
        outputs: to,
        size,
        stride: step,
        norm: { ...norm, name: `${name}.bn${i}` },
        activation,
        init: kaimingNormal,
      });
    this.convs = bottleneck
      ? [
          conv(1, inputs, width, 1, 1, 'relu'),
          conv(2, width, width, 3, stride, 'relu'),
          conv(3, width, outputs, 1, 1, 'none'),
        ]
      : [conv(1, inputs, width, 3, stride, 'relu'), conv(2, width, width, 3, 1, 'none')];
    if (stride !== 1 || inputs !== outputs)
      this.downsample = new Conv(store, {
        name: `${name}.downsample.0`,
        inputs,
        outputs,
        size: 1,
        stride,
        norm: { ...norm, name: `${name}.downsample.1` },
        init: kaimingNormal,
      });
  }

  apply(x: Tensor4D, mode: Mode): Tensor4D {
    const y = applyChain(this.convs, x, mode);
    const skip = this.downsample ? this.downsample.apply(x, mode) : x;
    const out = addRelu(y, skip);
    y.dispose();
    if (skip !== x) skip.dispose();
    return out;
  }
}
