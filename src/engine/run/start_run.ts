import * as fs from 'node:fs';
import * as path from 'node:path';
import { ConfigError } from '../../core/errors';
import type { Dataset } from '../../data/dataset';
import type { Loader } from '../../data/loader/loader';
import { PACKAGE_ROOT } from '../../weights/pretrained';
import { resolveConfig, variantOf } from '../config/resolve';
import type { Experiment, ExperimentConfig, PresetName } from '../config/types';
import { buildModel } from '../model/build_model';
import { splitRun } from '../training/split';
import { type TrainOptions, type TrainResult, train } from '../training/trainer';
import { openTrainingData } from '../training/training_data';
import { trainingLoader } from '../training/training_loader';
import { loadValidationSet, validate } from '../training/validation';
import { type RunDescription, RunFolder, runName } from './run_folder';

/** Where run folders are made unless said otherwise. */
export const RUNS = path.join(PACKAGE_ROOT, 'results', 'runs');

export interface StartOptions {
  readonly experiment: Experiment;
  readonly variant?: string;
  readonly preset: PresetName;
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly split?: string;
  readonly out?: string;
  readonly maxMinutes?: number;
  readonly interrupted?: TrainOptions['interrupted'];
  readonly say?: (line: string) => void;
}

export interface FinishedRun extends TrainResult {
  readonly run: string;
}

/** Resolves, opens, splits, builds and trains: one run, new or continued where it was left. */
export async function startRun(options: StartOptions): Promise<FinishedRun> {
  const { experiment, preset } = options;
  const variant = variantOf(experiment, options.variant);
  const set = [
    ...(options.set ?? []),
    ...(options.data === undefined ? [] : [`data.dir=${JSON.stringify(path.resolve(options.data))}`]),
  ];
  let config = resolveConfig(experiment, { variant, preset, seed: options.seed, set });
  const dataset = await openTrainingData(config);
  config = withClasses(config, dataset);
  const split = await splitRun(dataset, config, options.split);
  const description: RunDescription = {
    experiment: experiment.name,
    variant,
    preset,
    config,
    classes: dataset.classes,
    pixelSize: dataset.pixelSize ?? null,
    channelOrder: dataset.channelOrder,
    data: config.data.dir,
    split,
    start: '',
  };
  const run = new RunFolder(options.out ?? path.join(RUNS, runName(description)));
  return await runDescribed(run, description, dataset, options, fs.existsSync(run.file('config.json')));
}

/** Continues a run where its last checkpoint stands. */
export async function resumeRun(
  dir: string,
  options: Pick<StartOptions, 'maxMinutes' | 'interrupted' | 'say'>,
): Promise<FinishedRun> {
  const run = RunFolder.open(dir);
  const description = run.describe();
  return await runDescribed(run, description, await openTrainingData(description.config), options, true);
}

async function runDescribed(
  run: RunFolder,
  description: RunDescription,
  dataset: Dataset,
  { maxMinutes, interrupted, say = () => {} }: Pick<StartOptions, 'maxMinutes' | 'interrupted' | 'say'>,
  resume: boolean,
): Promise<FinishedRun> {
  const { config, split } = description;
  const { model, start } = await buildModel(config.model, config.seed);
  let loader: Loader | undefined;
  try {
    if (!resume) run.begin({ ...description, start });
    say(`run ${run.dir}`);
    say(`${resume ? 'continuing; it started' : 'starts'} from ${start}`);
    say(split.note);
    loader = trainingLoader(dataset, split.train, config, say);
    const validation = config.validation.every > 0 ? await loadValidationSet(dataset, split.val) : null;
    const result = await train({
      config,
      model,
      run,
      loader,
      validate: () => {
        if (!validation) throw new ConfigError('validation.every is 0: this run has no validation images');
        return validate(model, validation, config);
      },
      maxMinutes,
      interrupted,
      resume,
    });
    return { run: run.dir, ...result };
  } finally {
    await loader?.close();
    model.dispose();
  }
}

/** The number of classes is that of the data. */
function withClasses(config: ExperimentConfig, dataset: Dataset): ExperimentConfig {
  return { ...config, model: { ...config.model, numClasses: dataset.classes.length + 1 } };
}
