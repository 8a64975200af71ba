// Stretches of ops that wait together (./capture.ts): what identifies them, and the functions made of them.
import { CytobenchError, describeError } from '../core/errors';
import { type BindingAttribute, binding, DTYPES, type Values } from './binding';
import { addFunction, removeFunction } from './functions';
import { type GraphAttribute, GraphDef } from './graph';
import type { Known } from './shapes';

/** Values that may become a constant of a function: axes, shapes, factors. */
const CONSTANT = 16;
/** Structures that are remembered, with their functions. */
const STRUCTURES = 128;
/** A tensor as JavaScript holds it. */
export class Handle implements Known {
  /** Whether JavaScript still holds it. */
  held = true;
  /** Waiting ops that take it, and segments that may be run again from it. */
  uses = 0;
  /** Where it was made, in the running work: an op, and which of its results. */
  op: Op | null = null;
  output = 0;
  opaque = false;
  /** The segment that has run it, and its number there: what learns that it was needed, and how it is made again. */
  origin: Segment | null = null;
  number = 0;

  /** @param real its handle in the binding; -1 while it waits, or where nobody took it. */
  constructor(
    readonly id: number,
    public shape: readonly number[],
    readonly dtype: number,
    public real: number,
    readonly values: Values | undefined,
  ) {}
}

export interface Op {
  readonly name: string;
  readonly attributes: readonly BindingAttribute[];
  readonly inputs: readonly Handle[];
  readonly outputs: Handle[];
  /** Its place in its segment, while the segment is looked at. */
  place: number;
}

/** What is known of segments of one structure. */
export interface Structure {
  /** By slot: what a constant was, or null for an input. */
  readonly constants: (Known | null)[];
  /** Results that were taken by something after the segment, by their numbers. */
  readonly needed: Set<number>;
  /** Whether work that held it has come to its end, so that `needed` is known. */
  settled: boolean;
  function?: MadeFunction;
  /** Why no function was made of it. */
  refused?: string;
}

export interface MadeFunction {
  readonly name: string;
  /** Numbers of the results that it gives, ascending. */
  readonly outputs: readonly number[];
  /** By slot: whether it is a constant. */
  readonly constants: readonly boolean[];
  /** Whether `needed` was known when it was made. */
  readonly settled: boolean;
  /** Whether it has run. */
  proven: boolean;
}

export interface Segment {
  readonly ops: readonly Op[];
  readonly slots: readonly Handle[];
  readonly structure: Structure;
}

/** What was captured since the process began. */
export interface CaptureReport {
  /** Functions made, and calls of them. */
  readonly functions: number;
  readonly calls: number;
  /** Ops that ran one by one within captured work. */
  readonly single: number;
  /** Seconds spent on making functions. */
  readonly seconds: number;
  /** Constants that turned out to change. */
  readonly released: number;
  /** Results that no function gave, computed again. */
  readonly repeated: number;
  /** Why a segment stayed without a function; the last reason. */
  readonly refused: string | null;
}

export const report = { functions: 0, calls: 0, single: 0, seconds: 0, released: 0, repeated: 0 };
let refused: string | null = null;

export function captureReport(): CaptureReport {
  return { ...report, refused };
}

/** TensorFlow takes no function of this structure: its ops run one by one. */
export function refuse(structure: Structure, error: unknown): void {
  structure.refused = describeError(error).split('\n')[0];
  structure.function = undefined;
  refused = structure.refused;
}

interface Signature {
  readonly number: number;
  readonly attributes: readonly BindingAttribute[];
}

let signatureCount = 0;
/** By the op's name. */
const signatures = new Map<string, Signature[]>();

/** A number for an op with its attributes. */
function signatureOf({ name, attributes }: Op): number {
  let known = signatures.get(name);
  if (!known) {
    known = [];
    signatures.set(name, known);
  }
  for (const one of known) if (sameAttributes(one.attributes, attributes)) return one.number;
  const number = signatureCount++;
  known.push({ number, attributes });
  return number;
}

function sameAttributes(a: readonly BindingAttribute[], b: readonly BindingAttribute[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++)
    if (a[i].name !== b[i].name || a[i].type !== b[i].type || !sameValue(a[i].value, b[i].value))
      return false;
  return true;
}

function sameValue(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** What identifies a segment, and the tensors that it takes. */
export function describe(ops: readonly Op[]): { key: string; slots: Handle[] } {
  const slots: Handle[] = [];
  const places = new Map<Handle, number>();
  let key = '';
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i];
    op.place = i;
    key += `;${signatureOf(op)}`;
    for (const input of op.inputs) {
      if (input.op && !input.origin) {
        key += `,${input.op.place}.${input.output}`;
        continue;
      }
      let place = places.get(input);
      if (place === undefined) {
        place = slots.push(input) - 1;
        places.set(input, place);
      }
      key += `,s${place}:${input.dtype}`;
    }
  }
  return { key, slots };
}

const structures = new Map<string, Structure>();

/** The structure of this key, and whether it was met before; what was used last is the last to be forgotten. */
export function structureOf(key: string, slots: readonly Handle[]): { structure: Structure; met: boolean } {
  const met = structures.get(key);
  const structure = met ?? { constants: slots.map(constantOf), needed: new Set(), settled: false };
  structures.delete(key);
  structures.set(key, structure);
  if (structures.size > STRUCTURES) {
    const [[oldest, old]] = structures;
    if (old.function) removeFunction(old.function.name);
    structures.delete(oldest);
  }
  return { structure, met: met !== undefined };
}

function constantOf({ values, shape, dtype }: Handle): Known | null {
  if (!values || values.length > CONSTANT) return null;
  const fits = dtype === DTYPES.int32 || shape.length === 0 || values.length === 0;
  return fits ? { values, shape, dtype } : null;
}

/** Slots whose values are not those of before are inputs from now on. */
export function compareConstants(structure: Structure, slots: readonly Handle[]): void {
  slots.forEach((slot, i) => {
    const constant = structure.constants[i];
    if (constant === null || isSame(slot, constant)) return;
    structure.constants[i] = null;
    report.released++;
  });
}

function isSame(a: Known, b: Known): boolean {
  const shapes = a.shape.length === b.shape.length && a.shape.every((side, i) => side === b.shape[i]);
  return shapes && a.values !== undefined && b.values !== undefined && sameBits(a.values, b.values);
}

/** Object.is: a NaN is itself, and 0 is not -0. */
function sameBits(a: Values, b: Values): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** A function that gives at least what is wanted; null where TensorFlow takes none. */
export function functionFor(
  segment: Segment,
  wanted: readonly number[],
  prunes: boolean,
): MadeFunction | null {
  const { structure } = segment;
  const { function: made, constants } = structure;
  if (
    made &&
    (made.settled || !prunes) &&
    made.constants.every((constant, i) => constant === (constants[i] !== null)) &&
    includesAll(made.outputs, wanted)
  )
    return made;
  if (structure.refused !== undefined) return null;
  const started = performance.now();
  // What was wanted before may be so again, but not what nobody took.
  const before = made && (made.settled || !prunes) ? made.outputs : [];
  const outputs = [...new Set([...before, ...wanted])].sort((a, b) => a - b);
  try {
    const name = buildFunction(segment, outputs);
    if (made) removeFunction(made.name);
    report.functions++;
    structure.function = {
      name,
      outputs,
      constants: constants.map((constant) => constant !== null),
      settled: prunes,
      proven: false,
    };
    return structure.function;
  } catch (error) {
    refuse(structure, error);
    return null;
  } finally {
    report.seconds += (performance.now() - started) / 1000;
  }
}

/** Both ascending. */
function includesAll(list: readonly number[], wanted: readonly number[]): boolean {
  let at = 0;
  for (const number of wanted) {
    while (at < list.length && list[at] < number) at++;
    if (list[at] !== number) return false;
  }
  return true;
}

function buildFunction({ ops, slots, structure }: Segment, outputs: readonly number[]): string {
  const graph = new GraphDef();
  const inputs: string[] = [];
  const names = new Map<Handle, string>();
  slots.forEach((slot, i) => {
    const { dtype, shape, values } = structure.constants[i] ?? { ...slot, values: undefined };
    names.set(slot, `slot${i}`);
    if (values) {
      const tensor = { dtype, shape, values };
      graph.node(`slot${i}`, 'Const', [], { dtype: { type: dtype }, value: { tensor } });
      return;
    }
    graph.node(`slot${i}`, 'Placeholder', [], { dtype: { type: dtype } });
    inputs.push(`slot${i}`);
  });
  const places: string[] = [];
  ops.forEach((op, i) => {
    const attributes: Record<string, GraphAttribute> = {};
    for (const one of op.attributes) attributes[one.name] = graphAttribute(one);
    const from = op.inputs.map((input) => names.get(input) as string);
    // One after the other as without capture, so that as much is in memory at a time.
    graph.node(`op${i}`, op.name, i === 0 ? from : [...from, `^op${i - 1}`], attributes);
    op.outputs.forEach((handle, k) => {
      names.set(handle, k === 0 ? `op${i}` : `op${i}:${k}`);
      places.push(`op${i}:${k}`);
    });
  });
  return addFunction(
    graph,
    inputs,
    outputs.map((output) => places[output]),
  );
}

function graphAttribute({ name, type, value }: BindingAttribute): GraphAttribute {
  if (type === binding.TF_ATTR_INT) return { int: value as number | number[] };
  if (type === binding.TF_ATTR_FLOAT) return { float: value as number | number[] };
  if (type === binding.TF_ATTR_BOOL) return { bool: value as boolean };
  if (type === binding.TF_ATTR_STRING) return { string: value as string };
  if (type === binding.TF_ATTR_TYPE) return { type: value as number };
  if (type === binding.TF_ATTR_SHAPE) return { shape: value as number[] };
  throw new CytobenchError(`an attribute ${name} of an unknown kind`);
}
