import type { Values } from './figure';

/** Where values of an axis stand in the picture. */
export interface Scale {
  /** Values that get a mark, and what stands there. */
  readonly marks: readonly { readonly at: number; readonly label: string }[];
  /** Room of one name of a categorical axis; of numbers, the whole axis over their count. */
  readonly band: number;
  at(value: number | string): number;
}

/** A scale over all values of an axis: of names where there is one, else of numbers. */
export function scaleOf(
  values: Values,
  from: number,
  to: number,
  options: {
    readonly range?: readonly [number, number];
    readonly names?: readonly string[];
    readonly pad?: boolean;
  } = {},
): Scale {
  if (options.names || values.some((value) => typeof value === 'string'))
    return nameScale(options.names ?? [...new Set(values.map(String))], from, to);
  const numbers = values as readonly number[];
  const domain = options.range ?? (options.pad ? padded(extent(numbers)) : extent(numbers));
  const span = domain[1] - domain[0] || 1;
  const at = (value: number | string): number =>
    round(from + ((Number(value) - domain[0]) / span) * (to - from));
  const marks = ticks(domain).map((tick) => ({ at: at(tick), label: label(tick) }));
  return { marks, band: Math.abs(to - from) / Math.max(new Set(numbers).size, 1), at };
}

function nameScale(names: readonly string[], from: number, to: number): Scale {
  const band = (to - from) / Math.max(names.length, 1);
  const at = (value: number | string): number => round(from + band * (names.indexOf(String(value)) + 0.5));
  return { marks: names.map((name) => ({ at: at(name), label: name })), band: Math.abs(band), at };
}

function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return [0, 1];
  return finite.reduce<[number, number]>(
    ([low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [finite[0], finite[0]],
  );
}

function padded([low, high]: readonly [number, number]): [number, number] {
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Four to eight round numbers within the domain. */
function ticks([low, high]: readonly [number, number]): number[] {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++)
    out.push(Number((i * step).toPrecision(12)));
  return out;
}

const label = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(0) : String(value);

export const round = (value: number): number => Math.round(value * 10) / 10;
