import { InvalidArgumentError } from 'commander';

/** A whole number over 0. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number over 0.');
  return value;
}

/** A whole number from 0. */
export function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number from 0.');
  return value;
}

/** A share: a number over 0 and under 1. */
export function parseShare(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Expected a number between 0 and 1.');
  return value;
}

/** `WxH` in pixels. */
export function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('Expected WIDTHxHEIGHT in pixels, for example 256x256.');
  return { width: parseCount(match[1]), height: parseCount(match[2]) };
}

/** A number over 0. */
export function parseFactor(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number over 0.');
  return value;
}
