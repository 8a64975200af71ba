import * as fs from 'node:fs';
import * as path from 'node:path';
import { nearestName, UsageError } from '../core/errors';
import { PACKAGE_ROOT } from '../core/package_root';
import type { Experiment } from './experiment';

const FOLDER = path.join(PACKAGE_ROOT, 'dist', 'experiments');

/** Names of the files of experiments/. */
export function experimentNames(): string[] {
  return fs
    .readdirSync(FOLDER)
    .filter((file) => file.endsWith('.js'))
    .map((file) => path.basename(file, '.js'))
    .sort();
}

/** Loads an experiment by its name; an unknown one is an error naming the nearest. */
export function findExperiment(name: string): Experiment {
  const names = experimentNames();
  if (names.includes(name))
    return (require(path.join(FOLDER, name)) as { experiment: Experiment }).experiment;
  const near = nearestName(name, names);
  throw new UsageError(`unknown experiment "${name}"${near ? `; did you mean "${near}"?` : ''}`, {
    fix: `Known: ${names.join(', ')}.`,
  });
}
