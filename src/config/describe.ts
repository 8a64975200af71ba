import { nearestName, UsageError } from '../core/errors';
import { ARCHITECTURE_NAMES, type ArchitectureName } from './architectures';
import { renamedTo } from './legacy';
import type { PresetName } from './presets';
import { networkOf, SETTING_LIST } from './schema';

/** A setting as `cytobench settings` and docs/settings.md tell it. */
export interface DescribedSetting {
  readonly key: string;
  readonly type: string;
  readonly default: unknown;
  readonly meaning: string;
  readonly range?: string;
  readonly unit?: string;
  /** What a preset sets in its place. */
  readonly presets?: Readonly<Partial<Record<PresetName, unknown>>>;
  /** Architectures whose default differs. */
  readonly architectures?: Readonly<Partial<Record<ArchitectureName, unknown>>>;
}

/** Every setting; with a key that setting or section alone. An unknown key is an error naming the nearest. */
export function describeSettings(key?: string): DescribedSetting[] {
  const all = SETTING_LIST.map(([name, { value, meaning, unit, presets, described }]): DescribedSetting => {
    const architectures = architecturesThatDiffer(name, value);
    return {
      key: name,
      type: described.type,
      default: value,
      meaning,
      ...(described.range !== undefined && { range: described.range }),
      ...(unit !== undefined && { unit }),
      ...(Object.keys(presets).length > 0 && { presets }),
      ...(Object.keys(architectures).length > 0 && { architectures }),
    };
  });
  if (key === undefined) return all;
  const found = all.filter((entry) => entry.key === key || entry.key.startsWith(`${key}.`));
  if (found.length > 0) return found;
  const near =
    renamedTo(key) ??
    nearestName(
      key,
      all.map((entry) => entry.key),
    );
  throw new UsageError(`unknown setting "${key}"${near ? `; did you mean "${near}"?` : ''}`, {
    fix: '`cytobench settings` lists every one.',
  });
}

function architecturesThatDiffer(key: string, value: unknown): Partial<Record<ArchitectureName, unknown>> {
  const [section, ...rest] = key.split('.');
  if (section !== 'model' || ['architecture', 'weights', 'freeze'].includes(rest[0])) return {};
  const defaultOn = (name: ArchitectureName): unknown =>
    rest.reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], networkOf(name));
  const differing = ARCHITECTURE_NAMES.filter(
    (name) => JSON.stringify(defaultOn(name)) !== JSON.stringify(value),
  );
  return Object.fromEntries(differing.map((name) => [name, defaultOn(name)]));
}
