import type { Rng } from '../../core/rng';
import type { GaussNoise } from './transforms';

/** Adds normal noise, in place; one value a pixel for all channels unless `perChannel`. */
export function addNoise(image: Uint8Array, transform: GaussNoise, rng: Rng): void {
  const { stdRange = [0.2, 0.44], meanRange = [0, 0], perChannel = true } = transform;
  const deviation = rng.uniform(...stdRange) * 255;
  const mean = rng.uniform(...meanRange) * 255;
  let noise = 0;
  for (let i = 0; i < image.length; i++) {
    if (perChannel || i % 3 === 0) noise = rng.normal(mean, deviation);
    const value = image[i] + noise + 0.5;
    image[i] = value < 0 ? 0 : Math.min(value, 255);
  }
}
