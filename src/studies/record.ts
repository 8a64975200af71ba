import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Experiment } from '../config/experiment';
import type { PresetName } from '../config/presets';
import { DataError, nearestName } from '../core/errors';
import { readJson, writeFileAtomic, writeJson } from '../core/files';
import { PACKAGE_ROOT } from '../core/package_root';
import { HEADLINE } from '../metrics/headline';
import { StudyIntervals } from '../metrics/statistics/study_intervals';
import type { Tally } from '../metrics/tally';
import { decodeTally, type EncodedTally, encodeTally } from '../metrics/tally_file';
import { RunFolder } from '../runs/run_folder';
import { type CompareOptions, compareVariants, type ScoredImages } from './comparison';
import {
  dataName,
  type Study,
  type StudyCost,
  type StudyData,
  type StudyFailure,
  type StudyFindings,
  type StudyRun,
} from './study';

/** Where recorded studies are kept: in git, one small file each. */
export const RECORDS: string = path.join(PACKAGE_ROOT, 'results', 'studies');

/** What studies cost, by name. Beside the records: two runs of one study take other times and find the same. */
const COSTS = 'costs.json';

/** Bytes that a record may have. */
export const MOST_BYTES = 1e6;

/** A study with all that its figures are made of, and no path of the machine that it was made on. */
export interface StudyRecord {
  readonly version: 1;
  readonly experiment: Pick<Experiment, 'name' | 'claim' | 'claims' | 'sections'>;
  readonly preset: PresetName;
  readonly data: StudyData;
  readonly folds: number | null;
  readonly seeds: readonly number[];
  readonly alpha: number;
  readonly noise: Study['knownNoise'];
  /** Sets of images that variants were scored on: one, unless a variant has its own. */
  readonly images: readonly ScoredImages[];
  readonly variants: readonly {
    readonly variant: string;
    readonly seeds: readonly number[];
    /** Indices into `images` and `tallies`. */
    readonly images: number;
    readonly tallies: readonly number[];
  }[];
  readonly tallies: readonly EncodedTally[];
  /** `run` is the folder's name, which ends in the hash of all that decides the run. */
  readonly runs: readonly StudyRun[];
  readonly failures: readonly StudyFailure[];
  readonly findings: StudyFindings;
}

export function makeRecord(study: Study): StudyRecord {
  const { name, claim, claims, sections } = study.experiment;
  const tallies = [...new Set(study.variants.flatMap((own) => own.tallies))];
  const keyOf = (images: ScoredImages): string => JSON.stringify(images);
  const sets = [...new Map(study.variants.map(({ images }) => [keyOf(images), images])).values()];
  return {
    version: 1,
    experiment: { name, claim, claims, sections },
    preset: study.preset,
    data: study.data,
    folds: study.folds,
    seeds: study.seeds,
    alpha: study.comparison.alpha,
    noise: study.knownNoise,
    images: sets,
    variants: study.variants.map((own) => ({
      variant: own.variant,
      seeds: own.seeds,
      images: sets.findIndex((images) => keyOf(images) === keyOf(own.images)),
      tallies: own.tallies.map((tally) => tallies.indexOf(tally)),
    })),
    tallies: tallies.map(encodeTally),
    runs: study.runs.map((run) => ({ ...run, run: path.basename(run.run) })),
    failures: study.failures,
    findings: study.findings,
  };
}

/** The study that a record is of: its comparison is computed again from what it is made of. */
export function openRecord(record: StudyRecord): Study {
  const decoded = new Map<number, Tally>();
  const tallyAt = (index: number, { ids, groupOf }: ScoredImages): Tally => {
    const known = decoded.get(index) ?? decodeTally(record.tallies[index], ids, groupOf);
    decoded.set(index, known);
    return known;
  };
  const variants = record.variants.map(({ variant, seeds, images, tallies }) => ({
    variant,
    seeds,
    images: record.images[images],
    tallies: tallies.map((index) => tallyAt(index, record.images[images])),
  }));
  const { preset, data, alpha, noise } = record;
  const experiment: Experiment = {
    ...record.experiment,
    config: {},
    variants: Object.fromEntries(variants.map(({ variant }) => [variant, {}])),
  };
  return {
    experiment,
    preset,
    data,
    folds: record.folds,
    seeds: record.seeds,
    runs: record.runs,
    failures: record.failures,
    variants,
    comparison: compareVariants(variants, experiment, {
      preset,
      synthetic: data.synthetic,
      alpha,
      noise: noise ?? undefined,
      steps: record.findings.refinement,
    }),
    evaluations: [],
    knownNoise: noise,
    findings: record.findings,
    recorded: true,
  };
}

/** Names of the recorded studies. */
export function recordNames(dir = RECORDS): string[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir)
    .filter((file) => file.endsWith('.json') && file !== COSTS)
    .map((file) => path.basename(file, '.json'))
    .sort();
}

/** A recorded study by its name; an unknown one is an error naming the nearest. */
export function readRecord(name: string, dir = RECORDS): StudyRecord {
  const names = recordNames(dir);
  if (!names.includes(name)) {
    const near = nearestName(name, names);
    throw new DataError(`no study "${name}" is recorded${near ? `; did you mean "${near}"?` : ''}`, {
      where: path.relative(process.cwd(), dir) || dir,
      fix: names.length
        ? `Recorded: ${names.join(', ')}.`
        : `\`cytobench experiment ${name} --data DIR --folds 5 --record\` records it.`,
    });
  }
  const record = readJson<StudyRecord>(path.join(dir, `${name}.json`));
  if (record.version !== 1)
    throw new DataError('is no study of this version', { where: path.join(dir, `${name}.json`) });
  return record;
}

/** Writes a record, and what it cost beside it; gives the file. */
export function writeRecord(name: string, record: StudyRecord, cost: StudyCost, dir = RECORDS): string {
  const file = path.join(dir, `${name}.json`);
  const text = recordText(record);
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_BYTES)
    throw new DataError(`the record would have ${(bytes / 1e6).toFixed(2)} MB, over ${MOST_BYTES / 1e6} MB`, {
      where: file,
      fix: 'Record fewer seeds or variants.',
    });
  fs.mkdirSync(dir, { recursive: true });
  writeFileAtomic(file, text);
  const costs = { ...readCosts(dir), [name]: cost };
  const sorted = Object.entries(costs).sort(([a], [b]) => (a < b ? -1 : 1));
  writeJson(path.join(dir, COSTS), Object.fromEntries(sorted));
  return file;
}

/** A line a part, so that a change is seen where it is. */
export function recordText(record: StudyRecord): string {
  const lines = Object.entries(record).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** What recorded studies cost, by name. */
export function readCosts(dir = RECORDS): Readonly<Record<string, StudyCost>> {
  const file = path.join(dir, COSTS);
  return fs.existsSync(file) ? readJson<Record<string, StudyCost>>(file) : {};
}

/**
 * Training noise that the recorded study of an experiment tells, for runs of the same preset on the same data with one
 * split; undefined where none does.
 */
export function noiseKnownOf(
  name: string,
  { preset, data, folds }: { preset: PresetName; data?: string; folds?: number },
  dir = RECORDS,
): CompareOptions['noise'] {
  if (folds !== undefined || data === undefined || !recordNames(dir).includes(name)) return undefined;
  const record = readRecord(name, dir);
  if (record.folds !== null || record.preset !== preset || record.data.name !== dataName(data))
    return undefined;
  const { variants } = openRecord(record);
  const alike = variants.filter(({ images }) => images === variants[0].images);
  const study = new StudyIntervals({ ...alike[0].images, tallies: alike.map(({ tallies }) => tallies) });
  return Object.fromEntries(
    HEADLINE.flatMap(({ key }) => {
      const { noise } = study.noise(key);
      return noise ? [[key, noise]] : [];
    }),
  );
}

/** Seconds that the runs of a study took, as their logs say. */
export function costOf(runs: readonly StudyRun[]): StudyCost {
  const seconds = [...new Set(runs.map(({ run }) => run))].map((run) =>
    new RunFolder(run).metrics().reduce((sum, line) => (line.type === 'step' ? sum + line.seconds : sum), 0),
  );
  const total = seconds.reduce((sum, value) => sum + value, 0);
  return { runs: seconds.length, seconds: total, secondsPerRun: total / Math.max(1, seconds.length) };
}
