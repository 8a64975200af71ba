import { existsSync } from 'node:fs';
import { ARCHITECTURES, BACKBONES } from '../config/architectures';
import type { ExperimentConfig, MaskRcnnConfig } from '../config/schema';
import { ConfigError } from '../core/errors';
import { captures } from '../runtime/capture';
import type { Precision } from '../runtime/precision';
import { MaskRcnn } from './mask_rcnn';
import { fetchWeights, isPublished, packagedWeights } from './weights/fetch';
import { type LoadReport, loadState } from './weights/load_state';
import { openWeights } from './weights/open';
import { isShipped, shippedModel } from './weights/shipped';

/** A model with its starting weights, and where they came from in words. */
export interface BuiltModel {
  readonly model: MaskRcnn;
  readonly start: string;
  /** The weights file; null for random weights. */
  readonly file: string | null;
  readonly report: LoadReport | null;
}

/**
 * Builds the model of a configuration and loads what `weights` names.
 * @param load false: random weights, for a run whose checkpoint is loaded next.
 */
export async function buildModel(
  config: Pick<ExperimentConfig, 'model' | 'normalisation' | 'runtime'>,
  seed: number,
  { load = true }: { readonly load?: boolean } = {},
): Promise<BuiltModel> {
  const source = load ? await findWeights(config.model) : null;
  const model = new MaskRcnn(
    networkConfig(config),
    seed,
    precisionOf(config),
    captures(config.runtime.capture),
  );
  if (!source) return { model, start: 'random weights', file: null, report: null };
  try {
    const weights = openWeights(source.file);
    const report = loadState(model, weights, {
      rename: source.backbone ? (name) => `backbone.body.${name}` : undefined,
      part: source.backbone ? 'backbone.body.' : '',
      otherClasses: true,
    });
    const fresh = report.replaced.length ? `; fresh for these classes: ${report.replaced.join(', ')}` : '';
    const spread = report.spread.length ? '; each class begins as the one class of the file' : '';
    return { model, start: `${source.words}${fresh}${spread}`, file: source.file, report };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

export interface WeightsSource {
  readonly file: string;
  readonly words: string;
  /** A classification network: its names lack the prefix of the detector's backbone. */
  readonly backbone: boolean;
}

/** The file of the initial weights; null for random ones. */
export async function findWeights({
  architecture,
  weights,
  backbone,
}: ExperimentConfig['model']): Promise<WeightsSource | null> {
  if (weights === 'none') return null;
  if (weights === 'imagenet') {
    const { imageNet } = BACKBONES[backbone];
    const file =
      'packaged' in imageNet
        ? packagedWeights(imageNet.packaged)
        : (await fetchWeights(imageNet.published)).file;
    return { file, words: `ImageNet weights of ${backbone}, the rest random`, backbone: true };
  }
  if (weights === 'coco') {
    const { coco } = ARCHITECTURES[architecture];
    if (!coco)
      throw new ConfigError(`model.weights: no COCO weights are published for ${architecture}`, {
        fix: 'Use --set model.weights=imagenet.',
      });
    return { file: (await fetchWeights(coco)).file, words: `COCO weights (${coco})`, backbone: false };
  }
  if (isShipped(weights))
    return { file: shippedModel(weights), words: `the shipped model ${weights}`, backbone: false };
  if (isPublished(weights)) {
    const { file } = await fetchWeights(weights);
    return { file, words: `published weights ${weights}`, backbone: weights.startsWith('resnet') };
  }
  if (existsSync(weights)) return { file: weights, words: `weights of ${weights}`, backbone: false };
  throw new ConfigError(`model.weights: no such file or name "${weights}"`, {
    fix: 'Known: imagenet, coco, nuclei, none, a published name, or a .pth or .safetensors file.',
  });
}

/**
 * The network of a configuration. Normalising twice is normalising once with other numbers:
 * ((x - m) / d - m) / d = (x - m (1 + d)) / d^2.
 */
export function networkConfig({
  model,
  normalisation,
}: Pick<ExperimentConfig, 'model' | 'normalisation'>): MaskRcnnConfig {
  if (normalisation.times === 1) return model;
  const { mean, std } = model.image;
  const image = {
    ...model.image,
    mean: mean.map((m, c) => m * (1 + std[c])),
    std: std.map((d) => d * d),
  };
  return { ...model, image };
}

/** The precision of a configuration; `auto` is settled before a run is described. */
export function precisionOf({ runtime }: Pick<ExperimentConfig, 'runtime'>): Precision {
  return runtime.precision === 'bfloat16' ? 'bfloat16' : 'float32';
}
