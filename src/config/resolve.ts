import { ConfigError, nearestName } from '../core/errors';
import { ARCHITECTURE_NAMES, type ArchitectureName } from './architectures';
import type { Experiment } from './experiment';
import { renamedTo } from './legacy';
import type { PresetName } from './presets';
import {
  checkConfig,
  type Differences,
  defaultConfig,
  type ExperimentConfig,
  presetDifferences,
  SETTING_LIST,
  SETTINGS,
} from './schema';

export interface ResolveOptions {
  readonly variant?: string;
  readonly preset: PresetName;
  readonly seed?: number;
  /** `key=value` with a dotted key; the value is JSON where it parses as such, else text. */
  readonly set?: readonly string[];
}

/** defaults <- preset <- experiment <- experiment's preset <- variant <- --set, checked by the schema. */
export function resolveConfig(experiment: Experiment, options: ResolveOptions): ExperimentConfig {
  const variant = variantOf(experiment, options.variant);
  const layers: Differences<ExperimentConfig>[] = [
    presetDifferences(options.preset),
    experiment.config,
    experiment.presets?.[options.preset] ?? {},
    experiment.variants[variant],
    ...(options.seed === undefined ? [] : [{ seed: options.seed }]),
    ...(options.set ?? []).map(parseAssignment),
  ];
  const architecture = layers.reduce<string>(
    (name, layer) => layer.model?.architecture ?? name,
    SETTINGS.model.architecture.value,
  );
  if (!ARCHITECTURE_NAMES.includes(architecture as ArchitectureName))
    throw unknown('model', architecture, ARCHITECTURE_NAMES);
  const config = layers.reduce<unknown>(
    (merged, layer) => merge(merged, layer, ''),
    defaultConfig(architecture as ArchitectureName),
  ) as ExperimentConfig;
  const followed = layers.some((layer) => layer.model?.normEpsilon !== undefined)
    ? config
    : { ...config, model: { ...config.model, normEpsilon: sourceEpsilon(config.model) } };
  checkConfig(followed);
  return followed;
}

/** The epsilon that the weights were made with: 0 for torchvision's first COCO file, and not said in it. */
function sourceEpsilon({ architecture, weights, normEpsilon }: ExperimentConfig['model']): number {
  const coco = weights === 'coco' || weights.includes('maskrcnn_resnet50_fpn_coco');
  return architecture === 'resnet50_fpn' && coco ? 0 : normEpsilon;
}

/** The variant asked for, or the experiment's first. */
export function variantOf(experiment: Experiment, requested?: string): string {
  const names = Object.keys(experiment.variants);
  if (requested === undefined) return names[0];
  if (!names.includes(requested)) throw unknown(`variant of ${experiment.name}`, requested, names);
  return requested;
}

function unknown(what: string, name: string, known: readonly string[]): ConfigError {
  const near = nearestName(name, known);
  return new ConfigError(`unknown ${what} "${name}"${near ? `; did you mean "${near}"?` : ''}`, {
    fix: `Known: ${known.join(', ')}.`,
  });
}

/** Keys whose own keys are free. */
const OPEN_KEYS: readonly string[] = SETTING_LIST.filter(([, { open }]) => open).map(([key]) => key);

/** `base` with `differences` laid over it. A key that the base does not have is an error naming the nearest one. */
function merge(base: unknown, differences: unknown, path: string): unknown {
  if (!isRecord(base) || !isRecord(differences)) return differences;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(differences)) {
    const full = path ? `${path}.${key}` : key;
    if (!(key in base) && !OPEN_KEYS.includes(path)) {
      const near =
        renamedTo(full) ?? nearestName(full, leafKeys(base, path)) ?? nearestName(key, Object.keys(base));
      throw new ConfigError(`unknown setting "${full}"${near ? `; did you mean "${near}"?` : ''}`, {
        fix: `Known here: ${Object.keys(base).join(', ')}.`,
      });
    }
    merged[key] = merge(merged[key], value, full);
  }
  return merged;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every setting as a dotted key. */
export function leafKeys(value: unknown, path = ''): string[] {
  if (!isRecord(value) || OPEN_KEYS.includes(path)) return [path];
  return Object.entries(value).flatMap(([key, child]) => leafKeys(child, path ? `${path}.${key}` : key));
}

function parseAssignment(text: string): Differences<ExperimentConfig> {
  const at = text.indexOf('=');
  if (at < 1)
    throw new ConfigError(`--set ${text}: expected key=value`, {
      fix: 'For example --set training.steps=100.',
    });
  const keys = text.slice(0, at).split('.');
  return keys.reduceRight<unknown>(
    (value, key) => ({ [key]: value }),
    parseValue(text.slice(at + 1)),
  ) as Differences<ExperimentConfig>;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
