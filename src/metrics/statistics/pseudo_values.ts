/**
 * Numbers of a weighted data set: `weights[i]` says how often image i counts. Null where a number is not defined.
 * Everything that is costly (matching) has been done before.
 */
export type Statistics = (weights: Float64Array) => readonly (number | null)[];

/** Which group each image belongs to, by number. */
export interface Grouping {
  /** [images] */
  readonly members: Int32Array;
  readonly count: number;
}

/** Groups numbered in the order in which they come. */
export function numberGroups(groupOf: readonly string[]): Grouping {
  const numbers = new Map<string, number>();
  const members = Int32Array.from(groupOf, (group) => {
    const known = numbers.get(group) ?? numbers.size;
    numbers.set(group, known);
    return known;
  });
  return { members, count: numbers.size };
}

/** Several numbers of a data set, and what each group brings to them. */
export interface PseudoValues {
  /** [numbers] of all images. */
  readonly values: readonly (number | null)[];
  /**
   * [numbers][groups] G times the number, less G - 1 times the number without the group: for a mean over groups the
   * groups' own values, for anything smooth nearly so. NaN where the number is not defined without the group.
   */
  readonly pseudo: readonly Float64Array[];
}

/** Source: Tukey 1958; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 11.5. */
export function pseudoValues({ members, count }: Grouping, statistics: Statistics): PseudoValues {
  const weights = new Float64Array(members.length).fill(1);
  const values = statistics(weights);
  const pseudo = values.map(() => new Float64Array(count));
  for (let g = 0; g < count; g++) {
    for (let i = 0; i < weights.length; i++) weights[i] = members[i] === g ? 0 : 1;
    const without = statistics(weights);
    for (const [s, value] of values.entries())
      pseudo[s][g] = count * (value ?? Number.NaN) - (count - 1) * (without[s] ?? Number.NaN);
  }
  return { values, pseudo };
}
