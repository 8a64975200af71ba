import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { WeightsError } from '../core/errors';

/** The folder of the package, from its compiled files. */
export const PACKAGE_ROOT = path.resolve(__dirname, '../../..');

const LIGHT_WEIGHTS = 'efficientnet-lite0-57934424.pth';

/** The ImageNet weights of a backbone that the set-up fetches with the packages. */
export function imageNetWeights(backbone: 'efficientnet_lite0'): string {
  const file = path.join(PACKAGE_ROOT, '.native', 'weights', LIGHT_WEIGHTS);
  if (!existsSync(file))
    throw new WeightsError(`the ImageNet weights of ${backbone} are not there`, {
      where: file,
      fix: 'Run `npm run setup`.',
    });
  return file;
}
