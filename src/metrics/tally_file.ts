import * as zlib from 'node:zlib';
import { DataError } from '../core/errors';
import { F1_THRESHOLDS, type FoundCounts, type ImageCounts, type MatchCounts } from './cells/counts';
import { IGNORED, IOU_THRESHOLDS, type RankedOutcomes, TRUE_POSITIVE } from './coco/match';
import type { Tally } from './tally';

/** A tally as text: what became of every detection in a few bits, and the counts; the same metrics to the last digit. */
export interface EncodedTally {
  readonly images: number;
  readonly classes: number;
  /** Base64 of bytes packed by Brotli (RFC 7932): variable-length whole numbers. */
  readonly outcomes: string;
  readonly counts: string;
  /** The same of IEEE 754 doubles, least byte first. */
  readonly sums: string;
}

/**
 * Outcomes of one class are written in the order of their scores, as runs of detections that are false at every threshold
 * (their order among each other is in no metric: by image) between detections that are not (image, thresholds at which
 * they are true, at which they are ignored).
 */
export function encodeTally(tally: Tally): EncodedTally {
  const outcomes = new Writer();
  for (const entry of tally.classes) writeOutcomes(outcomes, entry);
  const counts = new Writer();
  const sums: number[] = [];
  for (const image of tally.cells) {
    for (const found of [...image.perClass, image.binary, ...image.f1PerClass.flat()]) {
      counts.number(found.tp);
      counts.number(found.fp);
      counts.number(found.fn);
    }
    const { groundTruth, found, shared } = image.foreground;
    for (const value of [groundTruth, found, shared]) counts.number(value);
    sums.push(...image.perClass.map(({ iou }) => iou), image.binary.iou);
    sums.push(image.aji ?? Number.NaN, image.ajiPlus ?? Number.NaN);
  }
  return {
    images: tally.images,
    classes: tally.classes.length,
    outcomes: pack(outcomes.bytes()),
    counts: pack(counts.bytes()),
    sums: pack(new Uint8Array(Float64Array.from(sums).buffer)),
  };
}

/** The tally again; images carry the ids and groups of the study that it is of. */
export function decodeTally(
  { images, classes, outcomes, counts, sums }: EncodedTally,
  ids: readonly string[],
  groups: readonly string[],
): Tally {
  if (ids.length !== images || groups.length !== images)
    throw new DataError(`expected a tally of ${ids.length} images, got ${images}`);
  const ranked = new Reader(unpack(outcomes));
  const whole = new Reader(unpack(counts));
  const bytes = unpack(sums);
  const parts = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let next = 0;
  const nullable = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const entries = Array.from({ length: classes }, () => readOutcomes(ranked, images));
  const cells = ids.map((id, i): ImageCounts => {
    const counted = (): FoundCounts => ({ tp: whole.number(), fp: whole.number(), fn: whole.number() });
    const matched = (found: FoundCounts): MatchCounts => ({ ...found, iou: parts[next++] });
    const perClass = Array.from({ length: classes }, counted);
    const binary = counted();
    const f1PerClass = F1_THRESHOLDS.map(() => Array.from({ length: classes }, counted));
    const foreground = { groundTruth: whole.number(), found: whole.number(), shared: whole.number() };
    return {
      id,
      group: groups[i],
      perClass: perClass.map(matched),
      binary: matched(binary),
      f1: f1PerClass.map(addFound),
      f1PerClass,
      aji: nullable(parts[next++]),
      ajiPlus: nullable(parts[next++]),
      foreground,
    };
  });
  return { images, iouThresholds: IOU_THRESHOLDS, classes: entries, cells };
}

function addFound(list: readonly FoundCounts[]): FoundCounts {
  return list.reduce<FoundCounts>(
    (sum, { tp, fp, fn }) => ({ tp: sum.tp + tp, fp: sum.fp + fp, fn: sum.fn + fn }),
    { tp: 0, fp: 0, fn: 0 },
  );
}

function writeOutcomes(out: Writer, { image, outcomes, positives }: RankedOutcomes): void {
  const T = IOU_THRESHOLDS.length;
  const n = outcomes[0]?.length ?? 0;
  for (const count of positives[0]) out.number(count);
  out.number(n);
  let run: number[] = [];
  const endRun = (): void => {
    out.number(run.length);
    let before = 0;
    for (const i of run.sort((a, b) => a - b)) {
      out.number(i - before);
      before = i;
    }
    run = [];
  };
  for (let d = 0; d < n; d++) {
    let [found, ignored] = [0, 0];
    for (let t = 0; t < T; t++) {
      if (outcomes[t][d] === TRUE_POSITIVE) found |= 1 << t;
      else if (outcomes[t][d] === IGNORED) ignored |= 1 << t;
    }
    if (found === 0 && ignored === 0) {
      run.push(image[d]);
      continue;
    }
    endRun();
    out.number(image[d]);
    out.number(found);
    out.number(ignored);
  }
  endRun();
}

function readOutcomes(from: Reader, images: number): RankedOutcomes {
  const T = IOU_THRESHOLDS.length;
  const positives = Int32Array.from({ length: images }, () => from.number());
  const n = from.number();
  const image = new Int32Array(n);
  const outcomes = Array.from({ length: T }, () => new Uint8Array(n));
  for (let d = 0; d <= n; d++) {
    const run = from.number();
    let before = 0;
    for (let i = 0; i < run; i++) {
      before += from.number();
      image[d++] = before;
    }
    if (d >= n) break;
    image[d] = from.number();
    const [found, ignored] = [from.number(), from.number()];
    for (let t = 0; t < T; t++)
      outcomes[t][d] = (found >> t) & 1 ? TRUE_POSITIVE : (ignored >> t) & 1 ? IGNORED : 0;
  }
  return { image, outcomes, positives: [positives] };
}

/** Whole numbers from 0, seven bits a byte, the least first (LEB128). */
class Writer {
  private readonly list: number[] = [];

  number(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.list.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.list.push(rest);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.list);
  }
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.at >= this.bytes.length) throw new DataError('a recorded tally ends too early');
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
}

function pack(bytes: Uint8Array): string {
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 24 };
  return zlib.brotliCompressSync(bytes, { params }).toString('base64');
}

function unpack(text: string): Uint8Array {
  try {
    return zlib.brotliDecompressSync(Buffer.from(text, 'base64'));
  } catch (error) {
    throw new DataError('a recorded tally is damaged', { cause: error });
  }
}
