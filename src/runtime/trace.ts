import { tf } from './tf';

/** One span of Chrome's trace format (chrome://tracing, Perfetto): microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

type Method = (...args: unknown[]) => unknown;
/** The backend's ways into the native runtime: ops, and copies out of it. */
const METHODS = ['executeSingleOutput', 'executeMultipleOutputs', 'readSync'] as const;

/**
 * Runs `work` and records every native op with the shapes it took, and the phases that `work` names. What lies between
 * the ops is JavaScript.
 */
export function traceOps(work: (phase: <T>(name: string, part: () => T) => T) => void): TraceEvent[] {
  const events: TraceEvent[] = [];
  const backend = tf.backend() as unknown as Record<string, Method>;
  const originals = METHODS.map((method) => backend[method]);
  const record = <T>(name: string, cat: string, tid: number, part: () => T, args?: object): T => {
    const started = performance.now();
    try {
      return part();
    } finally {
      const [ts, dur] = [started * 1000, (performance.now() - started) * 1000];
      events.push({ name, cat, ph: 'X', ts, dur, pid: 1, tid, ...(args ? { args: { ...args } } : {}) });
    }
  };
  METHODS.forEach((method, i) => {
    backend[method] = (...args: unknown[]) => {
      const run = (): unknown => originals[i].apply(backend, args);
      if (method === 'readSync') return record('read', 'copy', 2, run);
      const shapes = (args[2] as { shape: number[] }[]).slice(0, 4).map(({ shape }) => shape.join(' x '));
      return record(args[0] as string, 'op', 2, run, { shapes });
    };
  });
  try {
    work((name, part) => record(name, 'phase', 1, part));
  } finally {
    METHODS.forEach((method, i) => {
      backend[method] = originals[i];
    });
  }
  return events;
}
