import { DataError, nearestName } from '../../core/errors';
import { readJson } from '../../core/files';
import type { Split } from './make_split';

/** Reads a split; errors name the file and what is wrong: not two lists, ids twice or on both sides, unknown ids. */
export function readSplit(file: string, ids?: readonly string[]): Split {
  const raw = readJson<{ train?: unknown; val?: unknown }>(file);
  const list = (key: 'train' | 'val'): string[] => {
    const value = raw?.[key];
    if (!Array.isArray(value) || value.some((id) => typeof id !== 'string'))
      throw new DataError(`${key}: expected a list of image ids`, { where: file });
    return value as string[];
  };
  const split = { train: list('train'), val: list('val') };
  const seen = new Map<string, string>();
  for (const key of ['train', 'val'] as const)
    for (const id of split[key]) {
      const before = seen.get(id);
      if (before !== undefined)
        throw new DataError(
          before === key ? `${key}: "${id}" stands twice` : `"${id}" is in train and in val`,
          { where: file },
        );
      seen.set(id, key);
      if (ids && !ids.includes(id)) {
        const near = nearestName(id, ids);
        throw new DataError(
          `${key}: the data set has no image "${id}"${near ? `, did you mean "${near}"?` : ''}`,
          { where: file },
        );
      }
    }
  if (split.train.length === 0) throw new DataError('train: is empty', { where: file });
  return split;
}
