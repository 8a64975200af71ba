import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type ExperimentConfig, SETTING_LIST, valueAt } from '../config/schema';
import { changedImages, type DataHashes } from '../data/hash_dataset';

/** What decides a run's result, each part as a hash: two runs of equal parts are one run. */
export interface RunIdentity {
  readonly settings: string;
  /** Bytes of every image and mask file used, and of `dataset.json`. */
  readonly data: string;
  /** Which images train and which validate. */
  readonly split: string;
  /** Bytes of the initial weights; null for random ones. */
  readonly weights: string | null;
}

interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/** Everything that an identity is made of, to say what differs. */
export interface IdentityParts {
  readonly config: ExperimentConfig;
  readonly split: Split;
  readonly data: DataHashes;
  readonly weights: string | null;
}

/** Settings that change nothing of the result: threads that load data, and what is saved and logged. */
const WITHOUT_EFFECT: readonly string[] = [
  'training.workers',
  'training.checkpointMinutes',
  'data.cacheMb',
  'logging.tensorboard',
  'runtime.capture',
  // The data is known by its bytes, not by where it is.
  'data.dir',
  // The weights too.
  'model.weights',
];

export function runIdentity({ config, split, data, weights }: IdentityParts): RunIdentity {
  const settings = SETTING_LIST.filter(([key]) => !WITHOUT_EFFECT.includes(key)).map(
    ([key]) => [key, valueAt(config, key)] as const,
  );
  return {
    settings: digest(settings),
    data: data.hash,
    split: digest([split.train, split.val]),
    weights,
  };
}

/** Eight digits that stand for an identity in the name of a run. */
export function identityHash(identity: RunIdentity): string {
  return digest([identity.settings, identity.data, identity.split, identity.weights]).slice(0, 8);
}

/** What differs between two runs, in words: a line each, none where they are one run. */
export function describeChanges(before: Partial<IdentityParts>, now: IdentityParts): string[] {
  return [
    ...(before.config ? settingChanges(before.config, now.config) : []),
    ...(before.data ? dataChanges(before.data.files, now.data.files) : []),
    ...(before.split ? splitChanges(before.split, now.split) : []),
    ...(before.weights !== undefined && before.weights !== now.weights
      ? ['the initial weights are other ones']
      : []),
  ];
}

function settingChanges(before: ExperimentConfig, now: ExperimentConfig): string[] {
  const keys = SETTING_LIST.map(([key]) => key).filter(
    (key) => !WITHOUT_EFFECT.includes(key) && !isDeepStrictEqual(valueAt(before, key), valueAt(now, key)),
  );
  if (keys.length === 0) return [];
  const shown = keys
    .slice(0, 3)
    .map(
      (key) => `${key} was ${JSON.stringify(valueAt(before, key))}, is ${JSON.stringify(valueAt(now, key))}`,
    );
  return [`${shown.join('; ')}${keys.length > 3 ? `; and ${keys.length - 3} more settings` : ''}`];
}

/** '3 images changed (a, b, c)', and so on. */
export function dataChanges(before: DataHashes['files'], now: DataHashes['files']): string[] {
  const { changed, added, removed } = changedImages(before, now);
  const named = (images: readonly string[], what: string): string[] =>
    images.length === 0
      ? []
      : [
          `${images.length} ${images.length === 1 ? 'image' : 'images'} ${what} (${images.slice(0, 3).join(', ')}${images.length > 3 ? ', …' : ''})`,
        ];
  return [...named(changed, 'changed'), ...named(added, 'came'), ...named(removed, 'went')];
}

function splitChanges(before: Split, now: Split): string[] {
  if (isDeepStrictEqual([before.train, before.val], [now.train, now.val])) return [];
  const side = ({ train }: Split, id: string): boolean => train.includes(id);
  const moved = [...now.train, ...now.val].filter((id) => side(before, id) !== side(now, id)).length;
  return [
    moved > 0 ? `${moved} images are on the other side of the split` : 'the images are in another order',
  ];
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
