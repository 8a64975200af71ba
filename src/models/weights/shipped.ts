import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeightsError } from '../../core/errors';
import { PACKAGE_ROOT } from '../../core/package_root';

/** Models that come with the product: portable files, trained on data whose licence lets them be given away. */
export const SHIPPED = {
  nuclei:
    'nuclei in fluorescence, stained tissue and cytology: the light model, one class, trained on DSB2018 (CC0)',
} as const;

export type ShippedName = keyof typeof SHIPPED;

export function isShipped(name: string): name is ShippedName {
  return Object.hasOwn(SHIPPED, name);
}

/** The file of a shipped model. Throws WeightsError where the installation lacks it. */
export function shippedModel(name: ShippedName): string {
  const file = path.join(PACKAGE_ROOT, 'results', `${name}.safetensors`);
  if (!fs.existsSync(file))
    throw new WeightsError(`the model ${name} is not there`, {
      where: file,
      fix: 'Take the file from the repository again: git checkout results.',
    });
  return file;
}
