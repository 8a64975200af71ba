import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { z } from 'zod';
import { ConfigError, nearestName } from '../../../core/errors';
import { readJson } from '../../../core/files';
import { PACKAGE_ROOT } from '../../../core/package_root';

/** What of it one line of a batch script may hold. */
const oneLine = z.string().regex(/^[^\n\r]+$/, 'expected one line of text');

/** What a site asks of every job: the part `slurm` of `cytobench.json`, and the options of the commands. */
const SITE = z.strictObject({
  partition: oneLine.optional(),
  gres: oneLine.optional(),
  time: oneLine.optional(),
  mem: oneLine.optional(),
  account: oneLine.optional(),
  constraint: oneLine.optional(),
  qos: oneLine.optional(),
  arrayLimit: z.int().positive().optional(),
  maxRestarts: z.int().nonnegative().optional(),
  options: z.array(oneLine.regex(/^-/, 'expected an option of sbatch, with its dashes')).optional(),
  setup: z.array(oneLine).optional(),
});

/**
 * How work is handed to Slurm. `options` are further ones of sbatch, as they are; `setup` are shell lines that come before
 * the work (`module load …`); `arrayLimit` is how many tasks run at once, `maxRestarts` how often one is restarted.
 */
export type SlurmOptions = z.infer<typeof SITE>;

/** The file of a project or a home that describes a site once. */
export const SITE_FILE = 'cytobench.json';

/** How often a task is restarted, unless said otherwise. */
export const MAX_RESTARTS = 20;

/**
 * Options of the home's `cytobench.json`, over them those of the project's (the working folder, else the package), over them
 * `own`. Lists are added up; of all else the last word counts.
 */
export function siteOptions(own: SlurmOptions = {}, home: string = os.homedir()): SlurmOptions {
  const project = [process.cwd(), PACKAGE_ROOT].map((dir) => path.join(dir, SITE_FILE)).find(fs.existsSync);
  const files = [...new Set([path.join(home, SITE_FILE), ...(project ? [project] : [])])];
  const parts = [...files.filter((file) => fs.existsSync(file)).map(readSite), checked(own, 'the options')];
  const lists = (key: 'options' | 'setup'): string[] => parts.flatMap((part) => part[key] ?? []);
  const defined = parts.map((part) =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)),
  );
  return { ...Object.assign({}, ...defined), options: lists('options'), setup: lists('setup') };
}

function readSite(file: string): SlurmOptions {
  const found = readJson<unknown>(file);
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new ConfigError('expected an object, such as { "slurm": { "partition": "gpu" } }', { where: file });
  const { slurm = {}, ...rest } = found as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new ConfigError(`unknown key "${unknown}"; did you mean "slurm"?`, { where: file });
  return checked(slurm, file);
}

function checked(value: unknown, where: string): SlurmOptions {
  const parsed = SITE.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue.code !== 'unrecognized_keys')
    throw new ConfigError(`slurm.${issue.path.join('.')}: ${issue.message}`, { where });
  const known = Object.keys(SITE.shape);
  const [key] = issue.keys;
  throw new ConfigError(
    `unknown key "slurm.${key}"; did you mean "${nearestName(key, known) ?? known[0]}"?`,
    {
      where,
      fix: `Known: ${known.join(', ')}.`,
    },
  );
}

/** Seconds of a time as sbatch takes it (`90`, `1:30:00`, `2-12`, …); null for one without end, or another text. */
export function secondsOfTime(text: string): number | null {
  const match = /^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$/.exec(text);
  if (!match) return null;
  const days = match[1] === undefined ? null : Number(match[1]);
  const parts = match
    .slice(2)
    .filter((part) => part !== undefined)
    .map(Number);
  if (days !== null) {
    const [hours = 0, minutes = 0, seconds = 0] = parts;
    return days * 86400 + hours * 3600 + minutes * 60 + seconds;
  }
  if (parts.length === 1) return parts[0] * 60;
  if (parts.length === 2) return parts[0] * 60 + parts[1];
  return parts[0] * 3600 + parts[1] * 60 + parts[2];
}
