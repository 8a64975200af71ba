import { isDeepStrictEqual } from 'node:util';
import { leafKeys } from '../config/resolve';
import type { ExperimentConfig } from '../config/schema';
import { ConfigError } from '../core/errors';
import type { Loader } from '../data/loader/loader';
import { AUGMENTATION_LEVELS } from '../data/transforms/transforms';
import { baseAnchors } from '../models/anchors';
import type { MaskRcnn } from '../models/mask_rcnn';
import { resizedSize } from '../models/transform';
import { chosenThreads } from '../runtime/device';
import { AdamW, type Optimizer, rateFactor, type Sgd } from '../training/optimizers';
import type { Estimate, Probe } from '../training/preflight';

/** One setting as asked for and as found in the live objects. */
export interface EffectiveSetting {
  readonly key: string;
  readonly asked: unknown;
  readonly inForce: unknown;
  readonly ok: boolean;
}

/** What `effective.json` holds. */
export interface Effective {
  /** Read back from the model, the loader, the optimizer and a real batch. */
  readonly settings: readonly EffectiveSetting[];
  /** Settings that act later than the start (schedules, stopping): each is shown to act by a test of its own. */
  readonly later: readonly string[];
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

/** Reads back what is in force. A value here comes from the live objects, never from the configuration. */
export function readSettings(live: LiveRun): EffectiveSetting[] {
  const readers: Record<string, () => unknown> = { ...modelReaders(live), ...loopReaders(live) };
  return Object.entries(readers).map(([key, read]) => {
    const asked = valueAt(live.config, key);
    const inForce = read();
    return { key, asked, inForce, ok: isDeepStrictEqual(plain(asked), plain(inForce)) };
  });
}

/** Refuses to start where something else is in force than was asked for. */
export function requireEffective(settings: readonly EffectiveSetting[]): void {
  const wrong = settings.filter(({ ok }) => !ok);
  if (wrong.length === 0) return;
  const [{ key, asked, inForce }] = wrong;
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more settings)` : '';
  throw new ConfigError(
    `${key}: ${JSON.stringify(asked)} was asked for, ${JSON.stringify(inForce)} is in force${more}`,
    { fix: 'The run was not started: a setting that does not act makes its result worthless.' },
  );
}

export function describeEffective(live: LiveRun, estimate: Estimate): Effective {
  const settings = readSettings(live);
  const read = new Set(settings.map(({ key }) => key));
  const { optimizer } = live.config;
  return {
    settings,
    later: leafKeys(live.config).filter((key) => !read.has(key)),
    probe: live.probe,
    estimate,
    rates: Object.fromEntries(
      live.optimizer.parameters.map(({ name }) => [
        name,
        optimizer.learningRate * rateFactor(optimizer, name),
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
  const asked = config.model.image;
  const { rpn, box, image } = model.config;
  const { anchors } = config.model;
  const asBuilt = anchors.sizes.every((sides, level) =>
    isDeepStrictEqual(baseAnchors(sides, anchors.aspectRatios), model.rpn.baseAnchors[level]),
  );
  const resized = probe.images.every(({ loaded: [h, w], seen }) =>
    isDeepStrictEqual(resizedSize(h, w, asked, true), [...seen]),
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
    'normalisation.times': () => timesOf(probe, asked.mean, asked.deviation),
    'runtime.precision': () => model.precision,
    'runtime.threads': () => chosenThreads(),
    'model.image.mean': () =>
      fits(probe, asked.mean, asked.deviation, times) ? asked.mean : probe.normalisation.mean,
    'model.image.deviation': () =>
      fits(probe, asked.mean, asked.deviation, times) ? asked.deviation : probe.normalisation.deviation,
    'model.image.resize': () =>
      resized ? asked.resize : `the network saw ${probe.images[0].seen.join(' x ')}`,
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
    'augmentation.enlarge': () => (applied.has('Scale') ? planned('Scale')?.factor : 1),
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

function fits(probe: Probe, mean: readonly number[], deviation: readonly number[], times: number): boolean {
  const found = probe.normalisation;
  return deviation.every((d, c) => {
    const wantedDeviation = d ** times;
    const wantedMean = times === 2 ? mean[c] * (1 + d) : mean[c];
    return (
      Math.abs(found.deviation[c] / wantedDeviation - 1) < 1e-3 && Math.abs(found.mean[c] - wantedMean) < 1e-3
    );
  });
}

function timesOf(probe: Probe, mean: readonly number[], deviation: readonly number[]): number | null {
  return [1, 2].find((times) => fits(probe, mean, deviation, times)) ?? null;
}

/** As JSON would keep it: typed arrays and readonly lists compare by their values. */
const plain = (value: unknown): unknown => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

export function valueAt(config: ExperimentConfig, key: string): unknown {
  return key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], config);
}
