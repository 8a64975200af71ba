import { ConfigError, DataError } from '../../core/errors';
import type { Dataset } from '../dataset';

/** How images are gathered into groups that stay on one side: each alone, by the start of the id, by a pattern. */
export type GroupBy =
  | { readonly kind: 'none' }
  | { readonly kind: 'dataset' }
  | { readonly kind: 'prefix'; readonly length: number }
  | { readonly kind: 'regex'; readonly pattern: string };

/** `none`, `dataset` (the groups of dataset.json), `prefix:14`, `regex:^(.*)_r\dc\d$` (its first bracket, else the match). */
export function parseGroupBy(text: string): GroupBy {
  const [kind, ...rest] = text.split(':');
  const value = rest.join(':');
  if ((kind === 'none' || kind === 'dataset') && rest.length === 0) return { kind };
  if (kind === 'prefix') {
    const length = Number(value);
    if (Number.isSafeInteger(length) && length > 0) return { kind, length };
  }
  if (kind === 'regex' && value) {
    try {
      new RegExp(value, 'u');
      return { kind, pattern: value };
    } catch (error) {
      throw new ConfigError(`group-by: ${(error as Error).message}`, { cause: error });
    }
  }
  throw new ConfigError(`group-by: expected none, dataset, prefix:N or regex:PATTERN, got "${text}"`);
}

/** The same as text. */
export function formatGroupBy(groupBy: GroupBy): string {
  if (groupBy.kind === 'prefix') return `prefix:${groupBy.length}`;
  return groupBy.kind === 'regex' ? `regex:${groupBy.pattern}` : groupBy.kind;
}

/** The group of every id. Errors name an id that the pattern, or dataset.json, does not cover. */
export function groupIds(
  dataset: Pick<Dataset, 'dir' | 'groups'>,
  ids: readonly string[],
  groupBy: GroupBy,
): Map<string, string> {
  const pattern = groupBy.kind === 'regex' ? new RegExp(groupBy.pattern, 'u') : undefined;
  return new Map(ids.map((id) => [id, groupOf(dataset, id, groupBy, pattern)]));
}

function groupOf(
  { dir, groups }: Pick<Dataset, 'dir' | 'groups'>,
  id: string,
  groupBy: GroupBy,
  pattern?: RegExp,
): string {
  if (groupBy.kind === 'none') return id;
  if (groupBy.kind === 'prefix') return id.slice(0, groupBy.length);
  if (groupBy.kind === 'dataset') {
    const group = groups[id];
    if (group !== undefined) return group;
    throw new DataError(`dataset.json gives no group for image "${id}"`, {
      where: dir,
      fix: 'Add it there, or group by prefix:N or regex:PATTERN.',
    });
  }
  const match = pattern?.exec(id);
  if (!match) throw new ConfigError(`group-by: the pattern does not match image "${id}"`, { where: dir });
  return match[1] ?? match[0];
}

/** What a data set offers by itself: its own groups where dataset.json gives them for every image, else none. */
export function defaultGroupBy(dataset: Pick<Dataset, 'ids' | 'groups'>): GroupBy {
  return dataset.ids.every((id) => dataset.groups[id] !== undefined) ? { kind: 'dataset' } : { kind: 'none' };
}
