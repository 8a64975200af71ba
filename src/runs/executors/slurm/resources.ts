import { formatDuration } from '../../../core/progress';
import { slurm as runSlurm } from './commands';
import { type SlurmOptions, secondsOfTime } from './site';

/** What a site's nodes and partition allow; null: it does not say. */
export interface SiteLimits {
  /** Largest memory of a node, MB. */
  readonly memoryMb: number | null;
  /** Longest job of the partition, seconds; null also where there is no end. */
  readonly seconds: number | null;
}

/** What the partition that work will go to allows. */
export async function siteLimits({ partition }: SlurmOptions): Promise<SiteLimits> {
  const named = partition === undefined ? [] : ['-p', partition];
  const rows = (await runSlurm('sinfo', ['-h', '-o', '%P %m %l', ...named]))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name, , limit]) => limit !== undefined && (partition !== undefined || name.endsWith('*')));
  const memory = Math.max(0, ...rows.map(([, megabytes]) => Number.parseInt(megabytes, 10) || 0));
  const limits = rows.map(([, , limit]) => secondsOfTime(limit));
  const longest = limits.includes(null) ? null : Math.max(0, ...(limits as number[]));
  // A node whose memory nobody has written down counts as one of 1 MB.
  return { memoryMb: memory > 1 ? memory : null, seconds: longest || null };
}

/** What the estimate is multiplied with, as other nodes are slower and other images larger. */
const MARGIN = { seconds: 1.5, memory: 1.3 };
/** Beside the work itself: starting, reading data, predicting. */
const BESIDE = { seconds: 600, memoryMb: 500 };

/**
 * The memory and time that a task asks for, from an estimate for what was not asked for by hand. Not more time than the
 * partition gives: what does not end in time is continued. Where nodes do not say how much memory they have, none is asked for.
 */
export function withResources(
  slurm: SlurmOptions,
  estimate: { readonly seconds: number; readonly memoryMb: number } | null,
  limits: SiteLimits,
): SlurmOptions {
  if (estimate === null) return slurm;
  const megabytes = Math.ceil((estimate.memoryMb * MARGIN.memory + BESIDE.memoryMb) / 100) * 100;
  const wanted = estimate.seconds * MARGIN.seconds + BESIDE.seconds;
  const minutes = Math.ceil(Math.min(wanted, limits.seconds ?? wanted) / 60);
  return {
    ...slurm,
    mem: slurm.mem ?? (limits.memoryMb === null ? undefined : `${megabytes}M`),
    time: slurm.time ?? timeText(minutes),
  };
}

/** Minutes as Slurm writes a time: `1-02:03:00`. */
export function timeText(minutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  return `${days > 0 ? `${days}-` : ''}${two(hours)}:${two(minutes % 60)}:00`;
}

/** What is asked for, in words. */
export function describeResources(
  { mem, time, gres, partition, arrayLimit }: SlurmOptions,
  { tasks, cores, noun }: { readonly tasks: number; readonly cores: number; readonly noun: string },
  estimate: { readonly seconds: number; readonly memoryMb: number } | null,
): string {
  const asked = [
    `${cores} core${cores === 1 ? '' : 's'}`,
    ...(gres === undefined ? [] : [gres]),
    mem ?? 'the partition’s memory',
    time === undefined ? 'the partition’s time' : `at most ${time}`,
  ];
  const from = estimate
    ? `; estimated: ${(estimate.memoryMb / 1000).toFixed(1)} GB and ${formatDuration(estimate.seconds)} each, ${((tasks * cores * estimate.seconds) / 3600).toFixed(1)} core hours together`
    : '';
  return `${tasks} ${noun}${tasks === 1 ? '' : 's'} in ${partition === undefined ? 'the default partition' : `partition ${partition}`}${arrayLimit === undefined ? '' : `, ${arrayLimit} at once`}; each asks for ${asked.join(', ')}${from}`;
}
