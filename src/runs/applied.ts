import * as fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { renamedTo } from '../config/legacy';
import { leafKeys } from '../config/resolve';
import { type ExperimentConfig, valueAt } from '../config/schema';
import { ConfigError } from '../core/errors';
import { readJson } from '../core/files';
import type { Loader } from '../data/loader/loader';
import { AUGMENTATION_LEVELS } from '../data/transforms/transforms';
import { baseAnchors } from '../models/anchors';
import type { MaskRcnn } from '../models/mask_rcnn';
import { imageScale, resizesItself, seenSize } from '../models/scale';
import { chosenThreads } from '../runtime/device';
import { AdamW, learningRateMultiplier, type Optimizer, type Sgd } from '../training/optimizers';
import type { Estimate, Probe } from '../training/preflight';
import type { RunFolder } from './run_folder';

/** One setting as asked for and as found in the live objects. */
export interface AppliedSetting {
  readonly key: string;
  readonly requested: unknown;
  readonly applied: unknown;
  readonly ok: boolean;
}

/** What `applied.json` holds. */
export interface AppliedSettings {
  /** Read back from the model, the loader, the optimizer and a real batch. */
  readonly settings: readonly AppliedSetting[];
  /** Settings that act later than the start (schedules, stopping): each is shown to act by a test of its own. */
  readonly notVerified: readonly string[];
  readonly probe: Probe;
  readonly estimate: Estimate;
  /** Learning rate by parameter, at the base rate. */
  readonly rates: Readonly<Record<string, number>>;
  readonly trainable: readonly string[];
}

/** A run as built, before its first step. */
export interface LiveRun {
  readonly config: ExperimentConfig;
  readonly model: MaskRcnn;
  readonly loader: Loader;
  readonly optimizer: Optimizer;
  readonly probe: Probe;
}

/** Reads back what is applied. A value here comes from the live objects, never from the configuration. */
export function readSettings(live: LiveRun): AppliedSetting[] {
  const readers: Record<string, () => unknown> = { ...modelReaders(live), ...loopReaders(live) };
  return Object.entries(readers).map(([key, read]) => {
    const requested = valueAt(live.config, key);
    const applied = read();
    return { key, requested, applied, ok: isDeepStrictEqual(plain(requested), plain(applied)) };
  });
}

/** Refuses to start where something else is applied than was asked for. */
export function requireApplied(settings: readonly AppliedSetting[]): void {
  const wrong = settings.filter(({ ok }) => !ok);
  if (wrong.length === 0) return;
  const [{ key, requested, applied }] = wrong;
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more settings)` : '';
  throw new ConfigError(
    `${key}: ${JSON.stringify(requested)} was requested, ${JSON.stringify(applied)} is applied${more}`,
    { fix: 'The run was not started: a setting that does not act makes its result worthless.' },
  );
}

export function describeApplied(live: LiveRun, estimate: Estimate): AppliedSettings {
  const settings = readSettings(live);
  const read = new Set(settings.map(({ key }) => key));
  const { optimizer } = live.config;
  return {
    settings,
    notVerified: leafKeys(live.config).filter((key) => !read.has(key)),
    probe: live.probe,
    estimate,
    rates: Object.fromEntries(
      live.optimizer.parameters.map(({ name }) => [
        name,
        optimizer.learningRate * learningRateMultiplier(optimizer, name),
      ]),
    ),
    trainable: live.optimizer.parameters.map(({ name }) => name),
  };
}

function modelReaders({ config, model, optimizer, probe }: LiveRun): Record<string, () => unknown> {
  const shapeOf = (name: string): readonly number[] => model.parameters.get(name)?.torchShape ?? [];
  const names = model.parameters.all().map(({ name }) => name);
  const count = (pattern: RegExp): number => names.filter((name) => pattern.test(name)).length;
  const trained = new Set(optimizer.parameters.map(({ name }) => name));
  const { times } = config.normalisation;
  const requested = config.model.image;
  const { rpn, box, image } = model.config;
  const { anchors } = config.model;
  const asBuilt = anchors.sizes.every((sides, level) =>
    isDeepStrictEqual(baseAnchors(sides, anchors.aspectRatios), model.rpn.baseAnchors[level]),
  );
  const resized = probe.images.every(({ loaded: [h, w], seen }) =>
    isDeepStrictEqual(
      seenSize(
        { height: h, width: w },
        imageScale({ height: h, width: w }, requested, 'training'),
        resizesItself(requested, 'training'),
      ),
      [...seen],
    ),
  );
  const readers: Record<string, () => unknown> = {
    'model.freeze': () =>
      config.model.freeze.filter(
        (prefix) =>
          names.some((name) => name.startsWith(prefix)) &&
          ![...trained].some((name) => name.startsWith(prefix)),
      ),
    'model.norm': () => {
      const statistics = names.find((name) => /^backbone\.body\..*running_mean$/.test(name)) ?? '';
      const scale = model.parameters.get(statistics.replace('running_mean', 'weight'));
      return scale?.buffer ? 'frozen' : 'live';
    },
    'model.headNorm': () => (names.includes('backbone.fpn.inner_blocks.0.1.weight') ? 'live' : 'none'),
    'model.numClasses': () => shapeOf('roi_heads.box_predictor.cls_score.bias')[0],
    'model.fpnChannels': () => shapeOf('backbone.fpn.layer_blocks.0.0.weight')[0],
    'model.anchors.sizes': () => (asBuilt ? anchors.sizes : model.rpn.baseAnchors.map(sidesOf)),
    'model.anchors.aspectRatios': () => (asBuilt ? anchors.aspectRatios : ratiosOf(model.rpn.baseAnchors[0])),
    'model.rpn.convDepth': () => count(/^rpn\.head\.conv\.\d+\.0\.weight$/),
    'model.box.head': () => (names.includes('roi_heads.box_head.fc7.weight') ? 'mlp' : 'conv'),
    'model.mask.depth': () => count(/^roi_heads\.mask_head\.\d+\.0\.weight$/),
    'normalisation.times': () => timesOf(probe, requested.mean, requested.std),
    'runtime.precision': () => model.precision,
    'runtime.threads': () => chosenThreads(),
    'model.image.mean': () =>
      fits(probe, requested.mean, requested.std, times) ? requested.mean : probe.normalisation.mean,
    'model.image.std': () =>
      fits(probe, requested.mean, requested.std, times) ? requested.std : probe.normalisation.std,
    'model.image.resize': () =>
      resized ? requested.resize : `the network saw ${probe.images[0].seen.join(' x ')}`,
    'model.image.minSize': () => image.minSize,
    'model.image.maxSize': () => image.maxSize,
    'model.normEpsilon': () => model.config.normEpsilon,
    'model.backbone': () => model.config.backbone,
  };
  for (const key of Object.keys(config.model.rpn) as (keyof typeof rpn)[])
    readers[`model.rpn.${key}`] ??= () => rpn[key];
  for (const key of Object.keys(config.model.box) as (keyof typeof box)[])
    readers[`model.box.${key}`] ??= () => box[key];
  return readers;
}

function loopReaders({ config, loader, optimizer, probe }: LiveRun): Record<string, () => unknown> {
  const { options } = loader;
  const { transforms } = config.augmentation;
  const plan = options.augmentation;
  const planned = (name: string): Record<string, unknown> | undefined =>
    plan.transforms.find((transform) => transform.name === name) as Record<string, unknown> | undefined;
  const own = plan.transforms.filter(({ name }) => name !== 'RandomCrop' && name !== 'Scale');
  const applied = new Set(probe.images.flatMap((image) => image.transforms));
  const readers: Record<string, () => unknown> = {
    seed: () => options.seed,
    'data.minInstancePixels': () => plan.minPixels,
    'data.sampling': () => (options.weights ? 'rareClasses' : 'uniform'),
    'data.onCorrupt': () => options.onCorrupt ?? 'stop',
    'augmentation.minVisible': () => plan.minVisible,
    'augmentation.crop': () => (applied.has('RandomCrop') ? planned('RandomCrop')?.width : null),
    'augmentation.scale': () => (applied.has('Scale') ? planned('Scale')?.factor : 1),
    'training.batchSize': () => options.batchSize,
    'training.workers': () => loader.threads,
    'optimizer.kind': () => (optimizer instanceof AdamW ? 'adamw' : 'sgd'),
    'optimizer.weightDecay': () => (optimizer as Sgd | AdamW).options.weightDecay,
  };
  if (transforms !== null) readers['augmentation.transforms'] = () => own;
  else
    readers['augmentation.level'] = () =>
      Object.entries(AUGMENTATION_LEVELS).find(([, of]) => isDeepStrictEqual(of.transforms, own))?.[0] ??
      own.map(({ name }) => name).join(', ');
  return readers;
}

/** Sides of square anchors of the same area as those built: what `anchors.sizes` asks for. */
function sidesOf(anchors: Float32Array): number[] {
  const sides = new Set<number>();
  for (let i = 0; i < anchors.length; i += 4)
    sides.add(Math.round(Math.sqrt((anchors[i + 2] - anchors[i]) * (anchors[i + 3] - anchors[i + 1]))));
  return [...sides];
}

function ratiosOf(anchors: Float32Array): number[] {
  const ratios: number[] = [];
  for (let i = 0; i < anchors.length; i += 4)
    ratios.push((anchors[i + 3] - anchors[i + 1]) / (anchors[i + 2] - anchors[i]));
  return ratios;
}

function fits(probe: Probe, mean: readonly number[], std: readonly number[], times: number): boolean {
  const found = probe.normalisation;
  return std.every((d, c) => {
    const wantedStd = d ** times;
    const wantedMean = times === 2 ? mean[c] * (1 + d) : mean[c];
    return Math.abs(found.std[c] / wantedStd - 1) < 1e-3 && Math.abs(found.mean[c] - wantedMean) < 1e-3;
  });
}

function timesOf(probe: Probe, mean: readonly number[], std: readonly number[]): number | null {
  return [1, 2].find((times) => fits(probe, mean, std, times)) ?? null;
}

/** As JSON would keep it: typed arrays and readonly lists compare by their values. */
const plain = (value: unknown): unknown => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

/** What a run wrote of its settings before its first step; null where it has not come that far. */
export function readApplied(run: RunFolder): AppliedSettings | null {
  const file = run.file('applied.json');
  if (fs.existsSync(file)) return readJson<AppliedSettings>(file);
  const old = run.file('effective.json');
  if (!fs.existsSync(old)) return null;
  const { settings, later, ...rest } = readJson<OldSettings>(old);
  return {
    ...rest,
    settings: settings.map(({ key, asked, inForce, ok }) => ({
      key: renamedTo(key) ?? key,
      requested: asked,
      applied: inForce,
      ok,
    })),
    notVerified: later.map((key) => renamedTo(key) ?? key),
  };
}

/** The file as it was before its words changed. */
interface OldSettings extends Omit<AppliedSettings, 'settings' | 'notVerified'> {
  readonly settings: readonly { key: string; asked: unknown; inForce: unknown; ok: boolean }[];
  readonly later: readonly string[];
}
