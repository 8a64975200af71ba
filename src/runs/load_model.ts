import * as fs from 'node:fs';
import * as path from 'node:path';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../config/architectures';
import { networkOf } from '../config/schema';
import { ConfigError } from '../core/errors';
import { networkConfig, precisionOf } from '../models/build';
import { MaskRcnn } from '../models/mask_rcnn';
import { loadState } from '../models/weights/load_state';
import { openWeights } from '../models/weights/open';
import { type LoadedModel, type PortableModel, readPortableModel } from '../models/weights/portable';
import { captures } from '../runtime/capture';
import { checkpointDigest, loadWeights } from '../training/checkpoint';
import { RunFolder, resolveRun } from './run_folder';

export interface LoadModelOptions {
  readonly checkpoint?: 'best' | 'last';
  /** With bare weights: which architecture they are of. */
  readonly architecture?: string;
}

/** Score threshold where a run says nothing else. */
export const DEFAULT_THRESHOLD = 0.5;

/** Loads a run folder, a portable model file, or bare weights with an architecture named. */
export function loadModel(run: string, { checkpoint, architecture }: LoadModelOptions = {}): LoadedModel {
  const where = resolveRun(run);
  if (fs.existsSync(where) && fs.statSync(where).isFile()) return loadFile(where, architecture);
  const folder = RunFolder.open(where);
  const { config, classes, pixelSize, channelOrder } = folder.describe();
  // A run finds cells in the precision that it was trained in.
  const model = new MaskRcnn(
    networkConfig(config),
    null,
    precisionOf(config),
    captures(config.runtime.capture),
  );
  const used = loadWeights(folder.dir, model, checkpoint);
  const about: PortableModel = {
    architecture: config.model.architecture,
    config: model.config,
    classes,
    pixelSize,
    channelOrder,
    scale: config.validation.scale,
    thresholds: thresholdsOf(config.prediction.scoreThresholds, classes),
  };
  return {
    model,
    about,
    source: `${used} checkpoint of ${where}`,
    digest: checkpointDigest(folder.dir, used),
  };
}

/** Class names of a run, a model file or bare weights, without loading the model. */
export function modelClasses(run: string, architecture?: string): readonly string[] {
  const where = resolveRun(run);
  if (fs.existsSync(where) && fs.statSync(where).isFile())
    return (readPortableModel(where) ?? bare(where, architecture)).classes;
  return RunFolder.open(where).describe().classes;
}

function loadFile(file: string, architecture?: string): LoadedModel {
  const about = readPortableModel(file) ?? bare(file, architecture);
  const model = new MaskRcnn(about.config, null);
  loadState(model, openWeights(file));
  return { model, about, source: file, digest: null };
}

/** Weights alone: the number of classes is read off the class predictor. */
function bare(file: string, architecture?: string): PortableModel {
  if (!architecture || !ARCHITECTURE_NAMES.includes(architecture as ArchitectureName))
    throw new ConfigError('holds weights alone: which model they are of is not said', {
      where: file,
      fix: `Name it with --model: ${ARCHITECTURE_NAMES.join(', ')}.`,
    });
  const predictor = openWeights(file).tensors.find(
    ({ name }) => name === 'roi_heads.box_predictor.cls_score.weight',
  );
  const numClasses = predictor?.shape[0] ?? 5;
  const published = path.basename(file).startsWith('maskrcnn_resnet50_fpn_coco');
  const base = networkOf(architecture as ArchitectureName);
  const config = { ...base, numClasses, normEpsilon: published ? 0 : base.normEpsilon };
  const classes = Array.from({ length: numClasses - 1 }, (_, k) => `class${k + 1}`);
  return {
    architecture: architecture as ArchitectureName,
    config,
    classes,
    pixelSize: null,
    channelOrder: 'rgb',
    scale: 1,
    thresholds: classes.map(() => DEFAULT_THRESHOLD),
  };
}

function thresholdsOf(requested: number | readonly number[], classes: readonly string[]): readonly number[] {
  return typeof requested === 'number' ? classes.map(() => requested) : requested;
}
