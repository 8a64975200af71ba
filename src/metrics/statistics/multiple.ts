import { normalCdf, studentQuantile } from './distributions';

/**
 * Holm's procedure: which of several null hypotheses are rejected so that any is wrongly rejected with probability `alpha`
 * at most, whatever hangs together with what. A null p-value is never rejected, and is counted.
 * Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
 */
export function holm(p: readonly (number | null)[], alpha: number): boolean[] {
  const rejected = p.map(() => false);
  const order = [...p.keys()]
    .filter((i) => p[i] !== null)
    .sort((i, j) => (p[i] as number) - (p[j] as number));
  for (const [rank, i] of order.entries()) {
    if ((p[i] as number) > alpha / (p.length - rank)) break;
    rejected[i] = true;
  }
  return rejected;
}

/**
 * Levels of `looks` equally spaced looks at growing data that together spend `alpha`, little at first: the increments of
 * the spending function 2 - 2 Phi(z / sqrt t), which is that of O'Brien and Fleming's bounds (Lan and DeMets,
 * Biometrika 70, 1983). Each look is tested at its own increment: by the union bound the error rate holds whatever the
 * earlier looks decided on, at some cost in power.
 */
export function spendAlpha(looks: number, alpha: number): number[] {
  const z = -studentQuantile(alpha / 2, 1e8);
  const spent = (look: number): number => (look === 0 ? 0 : 2 * normalCdf(-z / Math.sqrt(look / looks)));
  return Array.from({ length: looks }, (_, i) => spent(i + 1) - spent(i));
}
