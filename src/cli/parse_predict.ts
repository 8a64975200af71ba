import { InvalidArgumentError } from 'commander';

export { parseWhole } from './parse';

/** A number over 0. */
export function parseFactor(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number over 0.');
  return value;
}
