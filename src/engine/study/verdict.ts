import type { PairedInterval } from '../../metrics/interval';

export type Verdict = 'reproduced' | 'not shown' | 'contradicted';

export interface Judgement {
  readonly verdict: Verdict;
  /** Why, in a few words with the numbers. */
  readonly because: string;
}

/** A claim that nothing changes is reproduced where the whole interval lies within this. */
const NO_CHANGE = 0.01;

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;

/**
 * What an interval of a difference says of a claimed one: its sign decides, its size is told. A claim of 0 says that
 * nothing changes: an interval that is too wide to say so does not show it. Data and model are others than the
 * report's: nothing is said of absolute values.
 */
export function judge(claimed: number, { low, high, value, groups }: PairedInterval): Judgement {
  if (low === null || high === null || value === null)
    return { verdict: 'not shown', because: `${groups} groups are too few for an interval` };
  const range = `${signed(low)} to ${signed(high)}`;
  const apart = low > 0 || high < 0;
  if (claimed === 0) {
    if (apart) return { verdict: 'contradicted', because: `no change was claimed, ${range} was found` };
    return Math.max(-low, high) <= NO_CHANGE
      ? { verdict: 'reproduced', because: `no change of more than ${NO_CHANGE}: ${range}` }
      : { verdict: 'not shown', because: `${range} holds zero, and changes of more than ${NO_CHANGE} too` };
  }
  if (!apart) {
    const least = claimed > 0 ? high < claimed : low > claimed;
    return {
      verdict: 'not shown',
      because: `${range} holds zero${least ? `, and leaves out the claimed ${signed(claimed)}` : ''}`,
    };
  }
  if (Math.sign(value) !== Math.sign(claimed))
    return { verdict: 'contradicted', because: `${signed(claimed)} was claimed, ${range} was found` };
  const size =
    Math.abs(claimed) < Math.min(Math.abs(low), Math.abs(high))
      ? 'larger than claimed'
      : Math.abs(claimed) > Math.max(Math.abs(low), Math.abs(high))
        ? 'smaller than claimed'
        : 'the claimed size lies within';
  return { verdict: 'reproduced', because: `${range}; ${size} (${signed(claimed)})` };
}
