import * as fs from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { BACKBONES } from '../config/architectures';
import { renamedTo } from '../config/legacy';
import { leafKeys } from '../config/resolve';
import { type ExperimentConfig, valueAt } from '../config/schema';
import { ConfigError } from '../core/errors';
import { readJson } from '../core/files';
import type { Loader } from '../data/loader/loader';
import { baseAnchors } from '../models/anchors';
import type { MaskRcnn } from '../models/mask_rcnn';
import { imageScale, resizesItself, seenSize } from '../models/scale';
import { AdamW, learningRateMultiplier, type Optimizer } from '../training/optimizers';
import type { Estimate, Probe, Sampled } from '../training/preflight';
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
  /** Read back from the built parameters, the runtime, and real batches: from another place than the request. */
  readonly settings: readonly AppliedSetting[];
  /**
   * Settings that show in nothing that can be looked at before the first step: schedules and stopping, and limits that
   * these batches do not reach. Each is shown to act by a test of its own (tests/runs/acted_changes.ts).
   */
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

/**
 * Reads back what is applied. A value here comes from the built parameters, the runtime or real batches, never from the
 * configuration; a setting that shows in none of them gives undefined, and is not verified.
 */
export function readSettings(live: LiveRun): AppliedSetting[] {
  const readers: Record<string, () => unknown> = {
    ...modelReaders(live),
    ...samplingReaders(live),
    ...dataReaders(live),
  };
  return Object.entries(readers).flatMap(([key, read]) => {
    const requested = valueAt(live.config, key);
    const applied = read();
    if (applied === undefined) return [];
    return [{ key, requested, applied, ok: isDeepStrictEqual(plain(requested), plain(applied)) }];
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
    'runtime.capture': () =>
      probe.functionCalls === null ? undefined : probe.functionCalls > 0 ? 'on' : 'off',
    'runtime.precision': () =>
      probe.product === 1 ? 'bfloat16' : probe.finerProduct === 1 ? 'tf32' : 'float32',
    'model.image.mean': () =>
      fits(probe, requested.mean, requested.std, times) ? requested.mean : probe.normalisation.mean,
    'model.image.std': () =>
      fits(probe, requested.mean, requested.std, times) ? requested.std : probe.normalisation.std,
    'model.image.resize': () =>
      resized ? requested.resize : `the network saw ${probe.images[0].seen.join(' x ')}`,
    'model.image.minSize': () => seenSides(probe, requested)?.shorter,
    'model.image.maxSize': () => seenSides(probe, requested)?.longer,
    'model.backbone': () => backboneOf(names, shapeOf),
    'model.box.representationSize': () => shapeOf('roi_heads.box_predictor.cls_score.weight')[1],
  };
  return readers;
}

/**
 * The limits of both samplers and of the proposals, as far as the first batches reach them: a limit that cuts nothing
 * shows in nothing.
 */
function samplingReaders({ config, probe }: LiveRun): Record<string, () => unknown> {
  const size = (sampled: readonly Sampled[]): number | undefined => {
    const full = sampled.find(({ negatives, negativesTaken }) => negatives > negativesTaken);
    return full && full.positivesTaken + full.negativesTaken;
  };
  const fraction = (sampled: readonly Sampled[], requested: number): number | undefined => {
    const cut = sampled.find(({ positives, positivesTaken }) => positives > positivesTaken);
    const total = size(sampled);
    if (!cut || total === undefined) return undefined;
    // A share of a batch is rounded down to whole candidates.
    return Math.floor(total * requested) === cut.positivesTaken ? requested : cut.positivesTaken / total;
  };
  const { anchors, regions } = probe.sampled;
  const { rpn, box } = config.model;
  return {
    'model.rpn.batchSizePerImage': () => size(anchors),
    'model.rpn.positiveFraction': () => fraction(anchors, rpn.positiveFraction),
    'model.box.batchSizePerImage': () => size(regions),
    'model.box.positiveFraction': () => fraction(regions, box.positiveFraction),
    'model.rpn.postNmsTopNTrain': () =>
      probe.proposals < rpn.postNmsTopNTrain ? undefined : probe.proposals,
  };
}

/** What the loader gave, and what the optimizer is. */
function dataReaders({ config, loader, optimizer, probe }: LiveRun): Record<string, () => unknown> {
  const { crop, scale } = config.augmentation;
  const names = new Set(probe.images.flatMap((image) => image.transforms));
  // Where nothing else changes the size of a sample it is the crop, scaled.
  const sized = ![...names].some((name) => name === 'RandomScale');
  const sides = probe.images.flatMap(({ loaded }) => loaded);
  return {
    'augmentation.crop': () => {
      if (!names.has('RandomCrop')) return crop === null ? null : undefined;
      // Images that are smaller than the crop are taken whole.
      const side = Math.max(...sides) / scale;
      return sized && Math.abs(side - Math.round(side)) < 0.5 / scale ? Math.round(side) : undefined;
    },
    'augmentation.scale': () => {
      if (!names.has('Scale')) return 1;
      const factor = Math.max(...sides) / (crop ?? Number.NaN);
      if (!sized || Number.isNaN(factor)) return undefined;
      return Math.abs(factor * (crop ?? 0) - scale * (crop ?? 0)) <= 0.5 ? scale : factor;
    },
    'data.sampling': () => (loader.options.weights ? 'rareClasses' : 'uniform'),
    'training.batchSize': () => Math.max(...probe.batches),
    'training.workers': () => loader.threads,
    'optimizer.kind': () => (optimizer instanceof AdamW ? 'adamw' : 'sgd'),
  };
}

/** The resized sides that show which limit of the model's own resize was met; undefined where it does not resize. */
function seenSides(
  { images }: Probe,
  requested: ExperimentConfig['model']['image'],
): { readonly shorter?: number; readonly longer?: number } | undefined {
  if (!resizesItself(requested, 'training')) return undefined;
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1;
  const shorter = images.map(({ seen }) => Math.min(...seen)).find((side) => side > 0) ?? 0;
  const longer = images.map(({ seen }) => Math.max(...seen)).find((side) => side > 0) ?? 0;
  // Each image meets one of the two limits.
  if (near(shorter, requested.minSize)) return { shorter: requested.minSize };
  if (near(longer, requested.maxSize)) return { longer: requested.maxSize };
  return { shorter, longer };
}

/** The backbone of the table whose blocks these parameters are. */
function backboneOf(
  names: readonly string[],
  shapeOf: (name: string) => readonly number[],
): string | undefined {
  const blocks = (pattern: RegExp): number =>
    new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? [])).size;
  return Object.entries(BACKBONES).find(([, { spec }]) => {
    if (spec.family === 'resnet')
      return (
        (spec.depths as readonly number[]).every(
          (depth, i) => blocks(new RegExp(`^backbone\\.body\\.layer${i + 1}\\.(\\d+)\\.`)) === depth,
        ) && (spec.block === 'bottleneck') === names.includes('backbone.body.layer1.0.conv3.weight')
      );
    // EfficientNet-Lite0 has 16 blocks, of which the second and third stages' repeats and so on grow with the depth.
    const repeats = [2, 2, 3, 3, 4].reduce((sum, n) => sum + Math.ceil(n * spec.depth), 2);
    return (
      blocks(/^backbone\.body\._blocks\.(\d+)\./) === repeats &&
      shapeOf('backbone.body._conv_stem.weight')[0] === 32
    );
  })?.[0];
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
