import * as fs from 'node:fs';
import * as path from 'node:path';
import { nearestName, UsageError } from '../../core/errors';
import { readJson, writeJson } from '../../core/files';
import { PARTS, requireOutputFolder } from '../../core/output_folder';
import type { PredictInput } from '../../inference/inputs';
import type { ImagePart, PredictionFormat } from '../../report/prediction_files';
import type { TaskSpec } from '../../runs/executors/slurm/tasks';
import { type CommonOptions, printResult, say } from '../command';
import { coresAsked, handInAndCollect, jobsOf, printScripts, type SlurmFlags } from './slurm';

/** What `predict` is asked. */
export interface PredictFlags extends CommonOptions, SlurmFlags {
  readonly out: string;
  readonly overwrite?: boolean;
  readonly formats: string;
  readonly tile?: number;
  readonly overlap?: number;
  readonly scale?: number;
  readonly enlarge?: number;
  readonly scoreThreshold?: string;
  readonly pixelSize?: number;
  readonly plane?: number;
  readonly channels?: readonly number[];
  readonly tta?: boolean;
  readonly checkpoint?: 'best' | 'last';
  readonly model?: string;
  readonly weights?: string;
  readonly perTask?: number;
  /** The part of a prediction that this process makes, by its key. */
  readonly part?: string;
  readonly estimate?: boolean;
}

/** What `--json` says of one image. */
export interface ImageResult {
  readonly file: string;
  readonly id: string;
  readonly instances: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly tiles: number;
  readonly notes: readonly string[];
}

/** An image that could not be read; the others are predicted all the same. */
export interface FailedImage {
  readonly file: string;
  readonly problem: string;
}

/** What one part leaves behind, beside the files of its images. */
export interface PartResult {
  readonly source: string;
  readonly images: readonly ImageResult[];
  readonly failed: readonly FailedImage[];
  readonly parts: readonly ImagePart[];
}

/** What `--json` says of a prediction. */
export interface PredictSummary {
  readonly out: string;
  readonly source: string;
  readonly formats: readonly PredictionFormat[];
  readonly images: readonly ImageResult[];
  readonly failed: readonly FailedImage[];
  readonly notes: readonly string[];
}

/** Tasks of an array, unless `--per-task` says how many images each has. */
const MOST_PARTS = 1000;

const partsFolder = (out: string): string => path.join(out, PARTS);
const inputsFile = (out: string, key: string): string => path.join(partsFolder(out), `${key}.json`);
export const partFolder = (out: string, key: string): string => path.join(partsFolder(out), key);
const productFile = (out: string, key: string): string => path.join(partFolder(out, key), 'part.json');

/** The images of a part, as they were listed when it was handed in. */
export async function readPartInputs({ out, part = '' }: PredictFlags): Promise<PredictInput[]> {
  const { reopenInputs } = await import('../../inference/inputs');
  return await reopenInputs(readJson<PredictInput[]>(inputsFile(out, part)));
}

/** Written last: a part with it is whole. */
export function finishPart({ out, part = '' }: PredictFlags, result: PartResult): void {
  writeJson(productFile(out, part), result);
}

/** A part, and the images that it is of. */
interface Part {
  readonly task: TaskSpec;
  readonly inputs: readonly PredictInput[];
}

/** The model and the images that arguments name: with bare weights every argument is an image. */
function named(
  names: readonly string[],
  { weights }: PredictFlags,
): { where: string; rest: readonly string[] } {
  const [where, ...rest] = weights === undefined ? names : [weights, ...names];
  return { where, rest };
}

/** Cuts the images into parts, each with a key of all that decides it. */
async function makeParts(names: readonly string[], flags: PredictFlags): Promise<Part[]> {
  const { listInputs } = await import('../../inference/inputs');
  const { CLI, stampFile } = await import('../../runs/executors/slurm/slurm');
  const { inArrays } = await import('../../runs/executors/slurm/submit');
  const { taskKey } = await import('../../runs/executors/slurm/tasks');
  const { checkpointFile } = await import('../../training/checkpoint_state');
  const { resolveRun } = await import('../../runs/run_folder');
  const { where, rest } = named(names, flags);
  const inputs = await listInputs(rest, { plane: flags.plane, channels: flags.channels });
  const model = resolveRun(where);
  const weights = fs.existsSync(model) && fs.statSync(model).isDirectory();
  const stamp = weights
    ? (['best', 'last'] as const).map((name) => stampFile(checkpointFile(model, name)))
    : [stampFile(model)];
  const words = wordsOf(flags);
  const size = flags.perTask ?? Math.ceil(inputs.length / MOST_PARTS);
  const out = path.resolve(flags.out);
  return inArrays(inputs, size).map((own) => {
    const files = own.map((input) => [input, path.resolve(input.file), stampFile(input.file)]);
    const key = taskKey(['predict', model, stamp, words, coresAsked(flags), files, out]);
    const name = own.length === 1 ? own[0].id : `${own[0].id} to ${own[own.length - 1].id}`;
    const bare = flags.weights === undefined ? [where] : [];
    const command = [CLI, 'predict', ...bare, '--out', out, '--part', key, ...words];
    return {
      inputs: own,
      task: {
        key,
        name: `predict: ${name}`,
        commands: [command],
        product: productFile(out, key),
        mayBeMissing: true,
      },
    };
  });
}

/** The options that decide what is found and written, as words. */
function wordsOf(flags: PredictFlags): string[] {
  const values: readonly (readonly [string, string | number | undefined])[] = [
    ['formats', flags.formats],
    ['tile', flags.tile],
    ['overlap', flags.overlap],
    ['scale', flags.scale ?? flags.enlarge],
    ['pixel-size', flags.pixelSize],
    ['plane', flags.plane],
    ['channels', flags.channels?.join(',')],
    ['score-threshold', flags.scoreThreshold],
    ['checkpoint', flags.checkpoint],
    ['model', flags.model],
    ['weights', flags.weights],
  ];
  return [
    ...values.flatMap(([key, value]) => (value === undefined ? [] : [`--${key}`, String(value)])),
    ...(flags.tta ? ['--tta'] : []),
  ];
}

/** Hands a prediction to the cluster, an array over its images, and behind it a task that puts the parts together. */
export async function predictOnSlurm(names: readonly string[], flags: PredictFlags): Promise<void> {
  const { where, rest } = named(names, flags);
  requireOutputFolder(flags.out, flags.overwrite);
  const parts = await makeParts(names, flags);
  const tasks = parts.map(({ task }) => task);
  const words = [...wordsOf(flags), ...(flags.overwrite ? ['--overwrite'] : [])];
  const largest = parts
    .flatMap(({ inputs }) => inputs)
    .reduce((most, one) => (sizeOf(one) > sizeOf(most) ? one : most));
  const model = flags.weights === undefined ? [where] : [];
  const estimate = ['predict', ...model, largest.file, '--out', flags.out, ...wordsOf(flags)];
  const paths = [...(fs.existsSync(where) ? [where] : []), ...rest].map((file) => path.resolve(file));
  const work = {
    title: 'predict',
    noun: 'part',
    tasks,
    cores: coresAsked(flags),
    needs: { paths, estimate },
  };
  if (flags.dryRun) return await printScripts(work, flags);
  for (const { task, inputs } of parts) writeJson(inputsFile(flags.out, task.key), inputs);
  const perTask = flags.perTask === undefined ? [] : ['--per-task', String(flags.perTask)];
  const threads = flags.threads === undefined ? [] : ['--threads', flags.threads];
  const same = ['predict', ...names, '--out', flags.out, ...words, ...perTask, ...threads];
  const collect = [...same, '--collect', '--json'];
  const again = 'the same command with --collect says what is there';
  const found = await handInAndCollect<PredictSummary>({ ...work, collect, again }, flags);
  if (!found) return;
  const { jobs, missing, ...summary } = found;
  printPrediction(flags, summary, { jobs, missing });
}

function sizeOf({ file }: PredictInput): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Puts together what is there of a prediction's parts, as one process would have written it; says what is missing. */
export async function collectPrediction(names: readonly string[], flags: PredictFlags): Promise<void> {
  const { PREDICTION_FORMATS, PredictionWriter } = await import('../../report/prediction_files');
  const { modelClasses } = await import('../../runs/load_model');
  const { readQueue } = await import('../../runs/executors/slurm/commands');
  const { viewAll } = await import('../../runs/executors/slurm/submit');
  const { describePlace } = await import('../../runs/executors/slurm/places');
  const { where } = named(names, flags);
  const formats = parseFormats(flags.formats, PREDICTION_FORMATS);
  const parts = await makeParts(names, flags);
  const tasks = parts.map(({ task }) => task);
  const there = tasks.filter(({ product = '' }) => fs.existsSync(product));
  const lacking = tasks.filter((task) => !there.includes(task));
  const views = lacking.length === 0 ? [] : viewAll(lacking, await readQueue());
  const missing = views.map(describePlace);
  if (there.length === 0)
    throw new UsageError(
      `none of ${tasks.length} parts is there: ${missing.slice(0, 3).join('; ')}${missing.length > 3 ? '; …' : ''}`,
      {
        fix: 'The same command with --on slurm, without --collect, hands in what is missing.',
      },
    );
  const writer = new PredictionWriter(flags.out, formats, modelClasses(where, flags.model), flags.overwrite);
  const results = there.map(({ key, product = '' }) => {
    const result = readJson<PartResult>(product);
    writer.adopt(partFolder(flags.out, key), result.parts);
    return result;
  });
  writer.finish();
  // A prediction that is whole needs its parts no more.
  if (lacking.length === 0) removeParts(flags.out, tasks);
  printPrediction(
    flags,
    {
      out: flags.out,
      source: results[0].source,
      formats,
      images: results.flatMap(({ images }) => images),
      failed: results.flatMap(({ failed }) => failed),
      notes: writer.notes(),
    },
    { missing, jobs: jobsOf(views) },
  );
}

function removeParts(out: string, tasks: readonly TaskSpec[]): void {
  for (const { key } of tasks) {
    fs.rmSync(partFolder(out, key), { recursive: true, force: true });
    fs.rmSync(inputsFile(out, key), { force: true });
  }
  if (fs.readdirSync(partsFolder(out)).length === 0) fs.rmdirSync(partsFolder(out));
}

/** Prints a prediction, and what of it failed or is missing: then the exit code is 1. */
export function printPrediction(
  flags: PredictFlags,
  summary: PredictSummary,
  more: { readonly jobs?: object[]; readonly missing?: readonly string[] } = {},
): void {
  for (const note of summary.notes) say(`note: ${note}`);
  printResult(flags, { ...summary, ...more }, () => describe(summary.images, summary.out));
  for (const { problem } of summary.failed) say(`failed: ${problem}`);
  const { missing = [] } = more;
  for (const line of missing) say(`missing: ${line}`);
  if (missing.length > 0) say('the same command with --on slurm, without --collect, finishes them');
  if (summary.failed.length > 0 || missing.length > 0) process.exitCode = 1;
}

function describe(images: readonly ImageResult[], out: string): string {
  const lines = images.map(({ id, instances, counts, tiles }) => {
    const parts = Object.entries(counts).map(([name, n]) => `${n} ${name}`);
    return `${id}: ${instances} cells (${parts.join(', ')})${tiles > 1 ? `, ${tiles} tiles` : ''}`;
  });
  return [...lines, `${images.length} images in ${out}`].join('\n');
}

export function parseFormats(list: string, known: readonly PredictionFormat[]): PredictionFormat[] {
  return list.split(',').map((name) => {
    const format = known.find((one) => one === name.trim());
    if (format) return format;
    const near = nearestName(name, known);
    throw new UsageError(`--formats: unknown format "${name}"${near ? `; did you mean "${near}"?` : ''}`, {
      fix: `Known: ${known.join(', ')}.`,
    });
  });
}
