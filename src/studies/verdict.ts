import type { PresetName } from '../config/presets';
import { leavesOut, MIN_GROUPS, type PairedInterval } from '../metrics/statistics/interval';

export type Verdict = 'reproduced' | 'not shown' | 'contradicted' | 'too small to tell';

export interface ClaimVerdict {
  readonly verdict: Verdict;
  /** Why, in a few words with the numbers. */
  readonly because: string;
}

/** What decides whether a study can judge the report at all. */
export interface StudySize {
  readonly preset: PresetName;
  /** Whether the images are made-up tissue. */
  readonly synthetic: boolean;
  /** How many comparisons Holm's correction is over. */
  readonly comparisons: number;
}

/**
 * The least AP50 that one of two variants must reach before the report is judged by their difference: models that find next
 * to nothing differ by next to nothing. More than half of the report's own base model (0.340).
 */
export const LEAST_AP50 = 0.2;

/** A claim that nothing changes is reproduced where the whole interval lies within this. */
export const NO_CHANGE = 0.01;

/** Why a study cannot judge a claim of the report; undefined where it can. */
export function tooSmall(difference: PairedInterval, { preset, synthetic }: StudySize): string | undefined {
  const { a, b, groups, trainingNoise } = difference;
  if (synthetic) return 'synthetic tissue is not the report’s kind of data';
  if (preset === 'smoke') return 'runs of the smoke preset have learned next to nothing';
  if (groups < MIN_GROUPS) return `${groups} group${groups === 1 ? '' : 's'}: too few groups to tell`;
  if (!(Math.max(a ?? 0, b ?? 0) >= LEAST_AP50))
    return `neither side reaches an AP50 of ${LEAST_AP50.toFixed(2)} (${number(a)} and ${number(b)})`;
  if (trainingNoise === 'unknown')
    return 'training noise is unknown with one seed a side: more seeds or folds would tell';
  return undefined;
}

/**
 * What an interval of a difference says of a claimed one: its sign decides, its size is told. A claim of 0 says that
 * nothing changes: an interval that is too wide to say so does not show it. Data and model are others than the
 * report's: nothing is said of absolute values.
 */
export function verdictOn(claimed: number, difference: PairedInterval, size: StudySize): ClaimVerdict {
  const small = tooSmall(difference, size);
  if (small) return { verdict: 'too small to tell', because: small };
  const { low, high, value, shown } = difference;
  if (low === null || high === null || value === null)
    return { verdict: 'too small to tell', because: 'AP50 is not defined without one of the groups' };
  const range = `${signed(low)} to ${signed(high)}`;
  const apart = leavesOut(difference, 0);
  const corrected = `${range} leaves out zero, but not after correction for ${size.comparisons} comparisons`;
  if (claimed === 0) {
    if (shown && apart)
      return { verdict: 'contradicted', because: `no change was claimed, ${range} was found` };
    if (Math.max(-low, high) <= NO_CHANGE)
      return { verdict: 'reproduced', because: `no change of more than ${NO_CHANGE}: ${range}` };
    return {
      verdict: 'not shown',
      because: apart ? corrected : `${range} holds zero, and changes of more than ${NO_CHANGE} too`,
    };
  }
  if (!shown || !apart) {
    const least = claimed > 0 ? high < claimed : low > claimed;
    const holds = apart ? corrected : `${range} holds zero`;
    return {
      verdict: 'not shown',
      because: `${holds}${least ? `, and leaves out the claimed ${signed(claimed)}` : ''}`,
    };
  }
  if (Math.sign(value) !== Math.sign(claimed))
    return { verdict: 'contradicted', because: `${signed(claimed)} was claimed, ${range} was found` };
  const found =
    Math.abs(claimed) < Math.min(Math.abs(low), Math.abs(high))
      ? 'larger than claimed'
      : Math.abs(claimed) > Math.max(Math.abs(low), Math.abs(high))
        ? 'smaller than claimed'
        : 'the claimed size lies within';
  return { verdict: 'reproduced', because: `${range}; ${found} (${signed(claimed)})` };
}

/** Whether a claim is decided: zero, or the claimed size, is left out; a claim of no change by its bound. */
export function isDecided(claimed: number, difference: PairedInterval): boolean {
  const { low, high, shown } = difference;
  if (low === null || high === null || difference.trainingNoise === 'unknown') return false;
  if (claimed === 0) return shown || Math.max(-low, high) <= NO_CHANGE;
  return shown || leavesOut(difference, claimed);
}

export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
const number = (value: number | null): string => value?.toFixed(2) ?? '–';
