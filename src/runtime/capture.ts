// Work whose ops are handed to TensorFlow together. JavaScript runs as ever; an op only waits, its result's shape inferred
// (./shapes.ts), until a value is asked for or the work ends. What waits is a segment. The first time, the ops of a segment
// run one by one; when a segment of the same structure comes again it becomes a function of TensorFlow, one call.
//
//   structure   ops, attributes, and which result goes where; no shape and no value of data, so that images of all sizes
//               share a function
//   slot        a tensor that a segment takes: of before, of an earlier segment, or made by JavaScript
//   constant    a small slot of JavaScript whose values were the same in two segments: part of the function. They are
//               compared at every run; one that differs makes the slot an input for good
//
// Every value that JavaScript computes is thus an input, or compared: none can be baked in wrongly.
import { CytobenchError } from '../core/errors';
import {
  type Binding,
  type BindingAttribute,
  binding,
  DTYPES,
  routeThrough,
  type TensorInfo,
  type Values,
} from './binding';
import { FUNCTION_ATTRIBUTES } from './functions';
import {
  compareConstants,
  describe,
  functionFor,
  Handle,
  type MadeFunction,
  type Op,
  refuse,
  report,
  type Segment,
  type Structure,
  structureOf,
} from './segments';
import { inferResults, type Known } from './shapes';

/** Handles of tensors that wait; those of the binding are below, where a process makes no billion of them. */
const FIRST_WAITING = 2 ** 30;
const LAST_WAITING = 2 ** 31 - 1;
/** Values that JavaScript hands over later, with the call that takes them. */
const SMALL = 64;
/** Ops that change what they are given: they end a segment, and run alone. */
const IN_PLACE = new Set(['CytobenchSgd']);

const handles = new Map<number, Handle>();
let nextId = FIRST_WAITING;
let depth = 0;
let suppressed = 0;
let routed = false;
let waiting: Op[] = [];
/** Segments of the running work that depend on nothing but what was there before: they can be run again. */
const repeatable: Segment[] = [];
const seen: Structure[] = [];

/**
 * What a wish for capture comes to: `auto` is as CYTOBENCH_CAPTURE (0 or 1) says, else off: it is made for GPUs, where an
 * op that is handed over alone leaves the card idle, and has been compared to the bit on CPUs, but not yet run on a card.
 */
export function captures(requested: 'auto' | 'on' | 'off'): boolean {
  if (requested !== 'auto') return requested === 'on';
  const { CYTOBENCH_CAPTURE } = process.env;
  return CYTOBENCH_CAPTURE !== undefined && CYTOBENCH_CAPTURE !== '0';
}

/** Runs synchronous `work` with its ops captured, where `on`. What it computes is what it computes without. */
export function withCapture<T>(on: boolean, work: () => T): T {
  if (!on || depth > 0 || suppressed > 0) return work();
  if (!routed) {
    routeThrough(waitingBinding);
    routed = true;
  }
  depth++;
  let result: T;
  try {
    result = work();
    flush();
  } catch (error) {
    // What waits is still run: tensors that outlive the work hold values.
    try {
      flush();
    } catch {
      waiting = [];
    }
    throw error;
  } finally {
    depth--;
    settle();
  }
  return result;
}

/** Runs `work` op by op, whatever it asks for: the reference that captured work is held against. */
export function withoutCapture<T>(work: () => T): T {
  suppressed++;
  try {
    return work();
  } finally {
    suppressed--;
  }
}

/** The way into the runtime while, and after, work was captured. */
const waitingBinding: Binding = Object.create(binding, {
  executeOp: { value: executeOp },
  createTensor: { value: createTensor },
  tensorDataSync: { value: read },
  deleteTensor: { value: remove },
}) as Binding;

function executeOp(
  name: string,
  attributes: readonly BindingAttribute[],
  ids: readonly number[],
  count: number,
): TensorInfo[] {
  if (depth === 0) return binding.executeOp(name, attributes, ids.map(realOf), count);
  const inputs: Handle[] = [];
  for (const id of ids) {
    const input = handleOf(id);
    take(input);
    inputs.push(input);
  }
  const results = IN_PLACE.has(name)
    ? null
    : inferResults(name, inputs, (key) => attributeOf(attributes, key));
  if (!results || results.length !== count) return runAlone(name, attributes, inputs, count);
  const op: Op = { name, attributes, inputs, outputs: [], place: -1 };
  for (const input of inputs) input.uses++;
  const infos: TensorInfo[] = [];
  for (const { shape, dtype, opaque } of results) {
    const handle = remember(shape, dtype, undefined);
    handle.op = op;
    handle.output = op.outputs.push(handle) - 1;
    if (opaque) handle.opaque = true;
    infos.push({ id: handle.id, shape: shape as number[], dtype });
  }
  waiting.push(op);
  return infos;
}

function attributeOf(attributes: readonly BindingAttribute[], name: string): unknown {
  for (const attribute of attributes) if (attribute.name === name) return attribute.value;
  return undefined;
}

function remember(shape: readonly number[], dtype: number, values: Values | undefined): Handle {
  // Small whole numbers are the fast keys of a map; those of before are in use no more when they come round.
  do nextId = nextId + 1 < LAST_WAITING ? nextId + 1 : FIRST_WAITING;
  while (handles.has(nextId));
  const handle = new Handle(nextId, shape, dtype, -1, values);
  handles.set(nextId, handle);
  return handle;
}

/** An op that does not wait: what waits runs first. */
function runAlone(
  name: string,
  attributes: readonly BindingAttribute[],
  inputs: readonly Handle[],
  count: number,
): TensorInfo[] {
  flush();
  // Nothing may be run again from tensors that an op has changed.
  if (IN_PLACE.has(name)) release();
  report.single++;
  const results = binding.executeOp(name, attributes, inputs.map(realOfHandle), count);
  for (const { id, shape, dtype } of results) known.set(id, { shape, dtype });
  return results;
}

/** Shapes and types of tensors of the binding's own, as far as they were met. */
const known = new Map<number, Known>();

function handleOf(id: number): Handle {
  const found = handles.get(id);
  if (found) return found;
  let of = known.get(id);
  if (!of) {
    // A tensor from before: its shape is told by an op that copies nothing.
    const [info] = binding.executeOp('Identity', [], [id], 1);
    binding.deleteTensor(info.id);
    of = { shape: info.shape, dtype: info.dtype };
    known.set(id, of);
  }
  const handle = new Handle(id, of.shape, of.dtype, id, undefined);
  handles.set(id, handle);
  return handle;
}

function realOf(id: number): number {
  const handle = handles.get(id);
  return handle ? realOfHandle(handle) : id;
}

/** The binding's handle; makes it where the values are still here, or where no function gave them. */
function realOfHandle(handle: Handle): number {
  if (handle.real >= 0) return handle.real;
  if (handle.values) handle.real = binding.createTensor(handle.shape, handle.dtype, handle.values);
  else repeat(handle);
  return handle.real;
}

/** Something outside its own segment takes a result. */
function take({ origin, number }: Handle): void {
  if (origin) origin.structure.needed.add(number);
}

function createTensor(shape: readonly number[], dtype: number, values: Values): number {
  const size = shape.reduce((a, b) => a * b, 1);
  const typed = dtype === DTYPES.float32 || dtype === DTYPES.int32 || dtype === DTYPES.bool;
  if (depth === 0 || !typed || size > SMALL) {
    const id = binding.createTensor(shape, dtype, values);
    if (depth > 0) known.set(id, { shape: [...shape], dtype });
    return id;
  }
  return remember([...shape], dtype, typedCopy(dtype, values)).id;
}

/** JavaScript may change its array before the values are handed over; plain arrays come too. */
function typedCopy(dtype: number, values: ArrayLike<number>): Values {
  if (dtype === DTYPES.float32) return new Float32Array(values);
  return dtype === DTYPES.int32 ? new Int32Array(values) : new Uint8Array(values);
}

function read(id: number): Values {
  const handle = handles.get(id);
  if (!handle) return binding.tensorDataSync(id);
  if (handle.real < 0 && handle.values) return handle.values.slice();
  if (handle.real < 0 && waiting.length > 0) flush();
  take(handle);
  return binding.tensorDataSync(realOfHandle(handle));
}

function remove(id: number): void {
  const handle = handles.get(id);
  if (!handle) {
    known.delete(id);
    binding.deleteTensor(id);
    return;
  }
  handle.held = false;
  forget(handle);
}

/** Frees a tensor that nothing holds. */
function forget(handle: Handle): void {
  if (handle.held || handle.uses > 0) return;
  if (handle.op && handle.real < 0 && !handle.origin) return;
  if (handle.real >= 0) binding.deleteTensor(handle.real);
  known.delete(handle.id);
  handle.real = -1;
  handles.delete(handle.id);
}

/** Runs what waits. */
function flush(): void {
  if (waiting.length === 0) return;
  const ops = waiting;
  waiting = [];
  const { key, slots } = describe(ops);
  const { structure, met } = structureOf(key, slots);
  const segment: Segment = { ops, slots, structure };
  if (met) compareConstants(structure, slots);
  seen.push(structure);
  const again = slots.every(({ origin }) => origin === null);
  if (again) {
    repeatable.push(segment);
    for (const slot of slots) slot.uses++;
  }
  let left = 0;
  const done = (op: Op): void => {
    left++;
    for (const input of op.inputs) {
      input.uses--;
      forget(input);
    }
    for (const output of op.outputs) forget(output);
  };
  try {
    if (met && runFunction(segment, again)) report.calls++;
    else runSingly(segment, done);
  } finally {
    for (const op of ops.slice(left)) done(op);
  }
}

/** One by one, as without capture; what is not needed any more goes at once. */
function runSingly(segment: Segment, done: (op: Op) => void): void {
  let number = 0;
  for (const op of segment.ops) {
    report.single++;
    const inputs = op.inputs.map(realOfHandle);
    const results = binding.executeOp(op.name, op.attributes, inputs, op.outputs.length);
    op.outputs.forEach((handle, k) => {
      settleResult(handle, results[k], segment, number++);
    });
    done(op);
  }
}

function settleResult(handle: Handle, info: TensorInfo, segment: Segment, output: number): void {
  handle.real = info.id;
  handle.origin = segment;
  handle.number = output;
  const { shape, dtype, opaque } = handle;
  const same = shape.length === info.shape.length && shape.every((side, i) => side === info.shape[i]);
  if (opaque) handle.shape = info.shape;
  else if (!same || dtype !== info.dtype)
    throw new CytobenchError(
      `a captured ${handle.op?.name} gave [${info.shape}] where [${shape}] was inferred`,
      { fix: 'Set runtime.capture to off, and report it.' },
    );
}

/** @returns false where no function can be made. */
function runFunction(segment: Segment, again: boolean): boolean {
  const { ops, slots, structure } = segment;
  const outputs = ops.flatMap((op) => op.outputs);
  const prunes = again && structure.settled;
  const wanted: number[] = [];
  outputs.forEach(({ held }, number) => {
    if (held && (!prunes || structure.needed.has(number))) wanted.push(number);
  });
  const made = wanted.length > 0 ? functionFor(segment, wanted, prunes) : null;
  if (wanted.length > 0 && !made) return false;
  const results = made ? call(made, structure, slots) : [];
  if (!results) return false;
  outputs.forEach((handle, output) => {
    handle.origin = segment;
    handle.number = output;
  });
  results.forEach((result, i) => {
    const output = (made as MadeFunction).outputs[i];
    settleResult(outputs[output], result, segment, output);
  });
  return true;
}

/** The results of a function; null where its first run says that TensorFlow cannot run it. */
function call(made: MadeFunction, structure: Structure, slots: readonly Handle[]): TensorInfo[] | null {
  const inputs = slots.filter((_, i) => structure.constants[i] === null).map(realOfHandle);
  try {
    const results = binding.executeOp(made.name, FUNCTION_ATTRIBUTES, inputs, made.outputs.length);
    made.proven = true;
    return results;
  } catch (error) {
    // What is wrong with its ops or their inputs, they say themselves when they run one by one.
    if (made.proven) throw error;
    refuse(structure, error);
    return null;
  }
}

/** Computes a result that a function did not give, from its segment's ops. */
function repeat(wanted: Handle): void {
  const segment = wanted.origin;
  if (!segment || !repeatable.includes(segment))
    throw new CytobenchError('a captured value is asked for after its segment is gone', {
      fix: 'Set runtime.capture to off, and report it.',
    });
  report.repeated++;
  const made: Handle[] = [];
  const make = (handle: Handle): number => {
    const { op } = handle;
    if (handle.real >= 0 || handle.values || !op) return realOfHandle(handle);
    const results = binding.executeOp(op.name, op.attributes, op.inputs.map(make), op.outputs.length);
    op.outputs.forEach((output, k) => {
      if (output.real >= 0) binding.deleteTensor(results[k].id);
      else {
        output.real = results[k].id;
        if (output !== wanted) made.push(output);
      }
    });
    return handle.real;
  };
  make(wanted);
  for (const handle of made) {
    binding.deleteTensor(handle.real);
    handle.real = -1;
  }
}

/** Segments of the running work are not run again from here on. */
function release(): void {
  for (const { slots } of repeatable.splice(0))
    for (const slot of slots) {
      slot.uses--;
      forget(slot);
    }
}

/** The end of captured work: what was needed after each segment is known now. */
function settle(): void {
  release();
  for (const handle of handles.values()) {
    take(handle);
    // Its segment, with all that it took, is not kept for its sake.
    handle.origin = null;
    handle.op = null;
  }
  for (const structure of seen.splice(0)) structure.settled = true;
}
