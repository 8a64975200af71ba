import * as fs from 'node:fs';
import * as path from 'node:path';
import { readJson, writeJson } from '../core/files';
import { PACKAGE_ROOT } from '../core/package_root';

/** A number of the prose that was taken from a run: `0.412<!-- RUN:METRIC -->`. */
export interface Citation {
  /** Index of the cell among all, from 0. */
  readonly cell: number;
  /** As it is written. */
  readonly written: string;
  readonly run: string;
  readonly metric: string;
}

/** Numbers of runs that prose may cite, by run and metric: small, in git, written by `experiment`. */
export type CitedNumbers = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Where the numbers of runs stand that prose cites. */
export const NUMBERS: string = path.join(PACKAGE_ROOT, 'results', 'numbers.json');

const PATTERN = /([-+−]?\d+(?:\.\d+)?)<!--\s*([\w./:-]+):(\w+)\s*-->/g;

/** Every citation in the prose of a notebook. */
export function findCitations(file: string): Citation[] {
  const { cells } = readJson<{ cells: { cell_type: string; source: string | string[] }[] }>(file);
  return cells.flatMap(({ cell_type, source }, cell) => {
    if (cell_type !== 'markdown') return [];
    const text = typeof source === 'string' ? source : source.join('');
    return [...text.matchAll(PATTERN)].map(([, written, run, metric]) => ({ cell, written, run, metric }));
  });
}

/** The first cited number that is not that of its run, to the digits that are written; undefined where all are. */
export function findMiscitation(
  file: string,
  numbers: CitedNumbers = knownNumbers(),
): { readonly cell: number; readonly message: string } | undefined {
  for (const { cell, written, run, metric } of findCitations(file)) {
    const value = numbers[run]?.[metric];
    const digits = written.split('.')[1]?.length ?? 0;
    const right = value?.toFixed(digits);
    if (right === written.replace('−', '-').replace('+', '')) continue;
    const message =
      right === undefined
        ? `cell ${cell} cites ${metric} of ${run}, which is not among the numbers of runs`
        : `cell ${cell} says ${written} where ${metric} of ${run} is ${right}`;
    return { cell, message };
  }
  return undefined;
}

/** Adds the numbers of runs to those that prose may cite. */
export function recordNumbers(fresh: CitedNumbers): void {
  const all = { ...knownNumbers(), ...fresh };
  writeJson(NUMBERS, Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function knownNumbers(): CitedNumbers {
  return fs.existsSync(NUMBERS) ? readJson<CitedNumbers>(NUMBERS) : {};
}
