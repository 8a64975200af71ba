import { z } from 'zod';
import type { PresetName } from './presets';

/** What is wrong with a value: where in it, and why. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** A setting's type as a person reads it. */
export interface TypeDescription {
  /** 'number', 'whole number', 'text', 'true or false', 'one of: …', 'list of …', and '… or null'. */
  readonly type: string;
  /** Such as '0 to 1', '> 0'; undefined where there is none. */
  readonly range?: string;
}

/** One setting: everything that is known of it stands in its entry of schema.ts. */
export class Setting<V> {
  constructor(
    /** The default, before presets, experiment and --set. */
    readonly value: V,
    /** What it does, in a sentence or two. */
    readonly meaning: string,
    readonly unit: string | undefined,
    readonly presets: Readonly<Partial<Record<PresetName, V>>>,
    readonly described: TypeDescription,
    /** Whether its own keys are free, as in a table by parameter name. */
    readonly open: boolean,
    /** Everything that is wrong with a value; empty where it may stand. */
    readonly problems: (value: unknown) => readonly Problem[],
  ) {}
}

/** What stands beside a setting's default. */
export interface About<V> {
  readonly unit?: string;
  /** What a preset sets in place of the default. */
  readonly presets?: Readonly<Partial<Record<PresetName, V>>>;
}

/** A kind of value: its check and its description. */
export interface Kind<V> {
  readonly type: z.ZodType<V>;
  readonly described: TypeDescription;
  readonly open?: boolean;
}

/** V, but no place that V is inferred from. */
type Fixed<V> = [V][V extends unknown ? 0 : never];

/** A setting of a kind, with its default and its meaning. */
export function setting<V>(
  kind: Kind<V>,
  value: Fixed<V>,
  meaning: string,
  about: About<Fixed<V>> = {},
): Setting<V> {
  const problems = (candidate: unknown): readonly Problem[] =>
    kind.type.safeParse(candidate).error?.issues.map(({ path, message }) => ({ path, message })) ?? [];
  return new Setting(
    value,
    meaning,
    about.unit,
    about.presets ?? {},
    kind.described,
    kind.open ?? false,
    problems,
  );
}

const kind = <V>(type: z.ZodType<V>, name: string, range?: string): Kind<V> => ({
  type,
  described: range === undefined ? { type: name } : { type: name, range },
});

/** A number over 0. */
export const positive: Kind<number> = kind(z.number().positive(), 'number', '> 0');
/** A number of 0 or more. */
export const nonNegative: Kind<number> = kind(z.number().min(0), 'number', '>= 0');
/** A number from 0 to 1. */
export const share: Kind<number> = kind(z.number().min(0).max(1), 'number', '0 to 1');
/** A number from 0 to below 1. */
export const decay: Kind<number> = kind(z.number().min(0).max(1).lt(1), 'number', '0 to below 1');
/** A whole number of 1 or more. */
export const count: Kind<number> = kind(z.number().int().positive(), 'whole number', '>= 1');
/** A whole number of 0 or more. */
export const whole: Kind<number> = kind(z.number().int().min(0), 'whole number', '>= 0');
export const flag: Kind<boolean> = kind(z.boolean(), 'true or false');
export const text: Kind<string> = kind(z.string(), 'text');
/** Text of at least one character. */
export const name: Kind<string> = kind(z.string().min(1), 'text');

/** One of some names or numbers. */
export function oneOf<const V extends string | number>(values: readonly V[]): Kind<V> {
  const type = values.every((value) => typeof value === 'string')
    ? z.enum(values as readonly string[] as [string, ...string[]])
    : z.literal([...values]);
  return kind(type as unknown as z.ZodType<V>, `one of: ${values.join(', ')}`);
}

export function nullable<V>({ type, described, open }: Kind<V>): Kind<V | null> {
  return { type: type.nullable(), described: { ...described, type: `${described.type}, or null` }, open };
}

/** Either of two kinds. */
export function either<A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> {
  return kind<A | B>(
    z.union([a.type, b.type]),
    `${a.described.type}, or ${b.described.type}`,
    a.described.range,
  );
}

/** A list, of a fixed length where one is given. */
export function list<V>(
  of: Kind<V>,
  { length, least = 0, message }: { length?: number; least?: number; message?: string } = {},
): Kind<readonly V[]> {
  let type = z.array(of.type);
  if (length !== undefined) type = type.length(length, message);
  if (least > 0) type = type.min(least);
  const many = length === undefined ? '' : `${length} of `;
  return kind(
    type as unknown as z.ZodType<readonly V[]>,
    `list of ${many}${of.described.type}`,
    of.described.range,
  );
}

/** A table whose keys are free. */
export function table<V>(of: Kind<V>): Kind<Readonly<Record<string, V>>> {
  return {
    ...kind(
      z.record(z.string(), of.type) as z.ZodType<Record<string, V>>,
      `table of ${of.described.type}`,
      of.described.range,
    ),
    open: true,
  };
}

/** A list of objects that have a name; what else they may hold is checked elsewhere. */
export function named<V extends { readonly name: string }>(what: string): Kind<readonly V[]> {
  const type = z.array(z.looseObject({ name: z.string() }));
  return kind(type as unknown as z.ZodType<readonly V[]>, `list of ${what}`);
}

/** The values that a tree of settings takes. */
export type Values<T> = T extends Setting<infer V> ? V : { readonly [K in keyof T]: Values<T[K]> };

/** Every setting of a tree by its dotted key, in order. */
export function flatten(tree: object, path = ''): [string, Setting<unknown>][] {
  return Object.entries(tree).flatMap(([key, entry]): [string, Setting<unknown>][] => {
    const full = path ? `${path}.${key}` : key;
    return entry instanceof Setting ? [[full, entry]] : flatten(entry as object, full);
  });
}

/** The values of a tree: `pick` gives that of each setting; what it gives as undefined is left out. */
export function build(tree: object, pick: (entry: Setting<unknown>) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([key, entry]): [string, unknown][] => {
      if (entry instanceof Setting) {
        const value = pick(entry);
        return value === undefined ? [] : [[key, value]];
      }
      const section = build(entry as object, pick);
      return Object.keys(section).length ? [[key, section]] : [];
    }),
  );
}
