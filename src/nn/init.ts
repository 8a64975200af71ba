// Shapes are PyTorch's: [out, in, h, w] or [out, in].
import type { Initializer } from './parameters';

const receptive = (shape: readonly number[]): number => shape.slice(2).reduce((a, b) => a * b, 1);
const fanIn = (shape: readonly number[]): number => shape[1] * receptive(shape);
const fanOut = (shape: readonly number[]): number => shape[0] * receptive(shape);

const fill =
  (
    draw: (
      shape: readonly number[],
    ) => (rng: { next(): number; normal(m?: number, d?: number): number }) => number,
  ): Initializer =>
  (shape, rng) => {
    const value = draw(shape);
    return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => value(rng));
  };

export const zeros: Initializer = fill(() => () => 0);
export const ones: Initializer = fill(() => () => 1);

/** Normal deviates of a fixed standard deviation: the proposal head's 0.01. */
export const normal = (std: number): Initializer => fill(() => (rng) => rng.normal(0, std));

/** He et al. 2015, mode fan_out, for ReLU: ResNet and the mask head. */
export const kaimingNormal: Initializer = fill((shape) => {
  const std = Math.sqrt(2 / fanOut(shape));
  return (rng) => rng.normal(0, std);
});

/** He et al. 2015, uniform, fan_in, with negative slope 1: the feature pyramid. */
export const kaimingUniform: Initializer = fill((shape) => {
  const bound = Math.sqrt(3 / fanIn(shape));
  return (rng) => (2 * rng.next() - 1) * bound;
});

/** PyTorch's default of Linear and Conv2d: uniform within 1 / sqrt(fan_in). */
export const linearUniform: Initializer = fill((shape) => {
  const bound = 1 / Math.sqrt(fanIn(shape));
  return (rng) => (2 * rng.next() - 1) * bound;
});

/** The bias that goes with `linearUniform`. */
export const biasUniform = (inputs: number): Initializer => {
  const bound = 1 / Math.sqrt(inputs);
  return fill(() => (rng) => (2 * rng.next() - 1) * bound);
};
