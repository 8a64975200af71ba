import { nearestName, UsageError } from '../core/errors';
import { PRESETS, type PresetName } from '../engine/config/types';
import { findExperiment } from '../engine/experiments';
import { type FinishedRun, resumeRun, startRun } from '../engine/run/start_run';
import { parseCount } from './parse';
import { watchSignals } from './signals';

interface Flags {
  readonly data?: string;
  readonly split?: string;
  readonly preset?: string;
  readonly set: string[];
  readonly seed?: string;
  readonly weights?: string;
  readonly maxMinutes?: string;
  readonly maxSteps?: string;
  readonly out?: string;
  readonly resume?: string;
}

export async function trainCommand(
  name: string | undefined,
  flags: Flags,
  say: (line: string) => void,
): Promise<FinishedRun> {
  const signals = watchSignals();
  const maxMinutes = flags.maxMinutes === undefined ? undefined : Number(flags.maxMinutes);
  if (maxMinutes !== undefined && !(maxMinutes > 0))
    throw new UsageError(`--max-minutes: expected a number over 0, got ${flags.maxMinutes}`);
  const common = { maxMinutes, interrupted: signals.received, say };
  try {
    if (flags.resume) return await resumeRun(flags.resume, common);
    if (!name)
      throw new UsageError('no experiment named', {
        fix: 'For example: cytobench train quickstart --preset smoke',
      });
    const [experimentName, variant] = name.split(':');
    const experiment = findExperiment(experimentName);
    const preset = presetOf(flags.preset ?? 'cpu');
    if (!flags.data && preset !== 'smoke' && variant !== 'demo')
      throw new UsageError(`--preset ${preset} needs --data DIR`, {
        fix: 'Without data, --preset smoke makes synthetic tissue.',
      });
    const set = [
      ...flags.set,
      ...(flags.weights === undefined ? [] : [`model.weights=${JSON.stringify(flags.weights)}`]),
      ...(flags.maxSteps === undefined ? [] : [`training.steps=${parseCount(flags.maxSteps)}`]),
    ];
    return await startRun({
      experiment,
      variant,
      preset,
      seed: flags.seed === undefined ? undefined : Number(flags.seed),
      set,
      data: flags.data,
      split: flags.split,
      out: flags.out,
      ...common,
    });
  } finally {
    signals.stop();
  }
}

export function presetOf(name: string): PresetName {
  if (PRESETS.includes(name as PresetName)) return name as PresetName;
  throw new UsageError(`unknown preset "${name}"; did you mean "${nearestName(name, PRESETS) ?? 'cpu'}"?`, {
    fix: `Known: ${PRESETS.join(', ')}.`,
  });
}
