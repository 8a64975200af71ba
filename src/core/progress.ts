import { printable } from './errors';

/** What a long piece of work tells about itself. */
export interface Progress {
  /** `done` of `total`; `note` stands behind the bar (losses, the current file). */
  update(done: number, note?: string): void;
  finish(note?: string): void;
}

export interface ProgressOptions {
  readonly label: string;
  readonly total: number;
  /** Plural noun for the rate: 'images', 'steps'. */
  readonly unit: string;
  /** Done before now, as after a resume. Default 0. */
  readonly done?: number;
  readonly stream?: NodeJS.WriteStream;
}

/** Nothing is said before two seconds have passed; after that a terminal line, or a line every ten seconds in a log. */
export function createProgress({
  label,
  total,
  unit,
  done: before = 0,
  stream = progressStream(),
}: ProgressOptions): Progress {
  // Not the wall clock, which can be set back.
  const now = (): number => performance.now();
  const start = now();
  const terminal = stream.isTTY === true;
  // The first piece pays for what all share: the rate is that of the others.
  let first: { readonly done: number; readonly time: number } | null = null;
  let lastShown = Number.NEGATIVE_INFINITY;
  let shown = false;
  const line = (done: number, note: string): string => {
    const from = first && done > first.done ? first : { done: before, time: start };
    const rate = (done - from.done) / Math.max((now() - from.time) / 1000, 1e-3);
    const left = rate > 0 ? formatDuration((total - done) / rate) : '?';
    const speed =
      rate >= 1 || rate === 0
        ? `${rate.toFixed(1)} ${unit}/s`
        : `${(1 / rate).toFixed(1)} s/${unit.replace(/s$/, '')}`;
    return `${label} ${done}/${total}  ${speed}  ${left} left${note ? `  ${printable(note)}` : ''}`;
  };
  return {
    update(done, note = '') {
      const time = now();
      if (done > before) first ??= { done, time };
      if (time - start < 2000 || time - lastShown < (terminal ? 200 : 10000)) return;
      lastShown = time;
      shown = true;
      stream.write(terminal ? `\r\x1b[2K${line(done, note)}` : `${line(done, note)}\n`);
    },
    finish(note = '') {
      if (!shown) return;
      const text = `${label} ${total - before} ${unit} in ${formatDuration((now() - start) / 1000)}${note ? `  ${note}` : ''}`;
      stream.write(terminal ? `\r\x1b[2K${text}\n` : `${text}\n`);
    },
  };
}

/** Standard error, so that answers stay alone on standard output; in a notebook that would be red. */
function progressStream(): NodeJS.WriteStream {
  const notebook = /[\\/]tslab[\\/]/.test(require.main?.filename ?? '');
  return notebook ? process.stdout : process.stderr;
}

/** `1 h 02 min`, `3 min 20 s`, `4.2 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds >= 3600)
    return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')} min`;
  if (seconds >= 60)
    return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return seconds >= 10 ? `${Math.round(seconds)} s` : `${seconds.toFixed(1)} s`;
}
