import * as zlib from 'node:zlib';
import { DataError } from '../core/errors';
import { F1_THRESHOLDS, type FoundCounts, type ImageCounts, type MatchCounts } from './cells/counts';
import { FALSE_POSITIVE, IGNORED, IOU_THRESHOLDS, type RankedOutcomes, TRUE_POSITIVE } from './coco/match';
import type { Tally } from './tally';

/** A tally as text: what became of every detection in a few bits, and the counts; the same metrics to the last digit. */
export interface EncodedTally {
  readonly images: number;
  readonly classes: number;
  /** Base64 of bytes packed by Brotli (RFC 7932): variable-length whole numbers, stream after stream. */
  readonly outcomes: string;
  readonly counts: string;
  /** The same of IEEE 754 doubles, least byte first. */
  readonly sums: string;
}

/** Like stands with like, which packs better: lengths, images of false detections, images of others, what became of those. */
const STREAMS = 4;

/**
 * Outcomes of one class are written in the order of their scores, as runs of detections that are false at every threshold
 * (their order among each other is in no metric: by image) before each detection that is not (its image, the thresholds
 * at which it is true, at which it is ignored). False ones after the last of these are in no metric, and left out.
 */
export function encodeTally(tally: Tally): EncodedTally {
  const streams = Array.from({ length: STREAMS }, () => new Writer());
  for (const entry of tally.classes) writeOutcomes(streams, entry);
  const outcomes = new Writer();
  for (const stream of streams) outcomes.append(stream);
  const counts = new Writer();
  const sums: number[] = [];
  const columns = tally.cells.map((image) => {
    const { groundTruth, found, shared } = image.foreground;
    sums.push(...image.perClass.map(({ iou }) => iou), image.binary.iou);
    sums.push(image.aji ?? Number.NaN, image.ajiPlus ?? Number.NaN);
    return [
      ...[...image.perClass, image.binary, ...image.f1PerClass.flat()].flatMap(({ tp, fp, fn }) => [
        tp,
        fp,
        fn,
      ]),
      groundTruth,
      found,
      shared,
    ];
  });
  for (let c = 0; c < (columns[0]?.length ?? 0); c++) for (const row of columns) counts.number(row[c]);
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
  const streams = Array.from({ length: STREAMS }, () => ranked.part());
  const whole = new Reader(unpack(counts));
  const width = 3 * (classes + 1 + F1_THRESHOLDS.length * classes) + 3;
  const columns = Array.from({ length: width }, () => ids.map(() => whole.number()));
  const bytes = unpack(sums);
  const parts = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let next = 0;
  const nullable = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const entries = Array.from({ length: classes }, () => readOutcomes(streams, images));
  const cells = ids.map((id, i): ImageCounts => {
    let column = 0;
    const number = (): number => columns[column++][i];
    const counted = (): FoundCounts => ({ tp: number(), fp: number(), fn: number() });
    const matched = (found: FoundCounts): MatchCounts => ({ ...found, iou: parts[next++] });
    const perClass = Array.from({ length: classes }, counted);
    const binary = counted();
    const f1PerClass = F1_THRESHOLDS.map(() => Array.from({ length: classes }, counted));
    const foreground = { groundTruth: number(), found: number(), shared: number() };
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

function writeOutcomes(
  [lengths, falseImages, images, became]: readonly Writer[],
  { image, outcomes, positives }: RankedOutcomes,
): void {
  const n = outcomes[0]?.length ?? 0;
  for (const count of positives[0]) lengths.number(count);
  const entries: { image: number; found: number; ignored: number; before: number[] }[] = [];
  let run: number[] = [];
  for (let d = 0; d < n; d++) {
    let [found, ignored] = [0, 0];
    for (const [t, table] of outcomes.entries()) {
      if (table[d] === TRUE_POSITIVE) found |= 1 << t;
      else if (table[d] === IGNORED) ignored |= 1 << t;
    }
    if (found === 0 && ignored === 0) run.push(image[d]);
    else {
      entries.push({ image: image[d], found, ignored, before: run.sort((a, b) => a - b) });
      run = [];
    }
  }
  lengths.number(entries.length);
  for (const entry of entries) {
    lengths.number(entry.before.length);
    let last = 0;
    for (const i of entry.before) {
      falseImages.number(i - last);
      last = i;
    }
    images.number(entry.image);
    // One number where nothing is ignored, as nearly always.
    became.number(2 * entry.found + (entry.ignored === 0 ? 0 : 1));
    if (entry.ignored !== 0) became.number(entry.ignored);
  }
}

function readOutcomes(
  [lengths, falseImages, images, became]: readonly Reader[],
  count: number,
): RankedOutcomes {
  const positives = Int32Array.from({ length: count }, () => lengths.number());
  const image: number[] = [];
  const found: number[] = [];
  const ignored: number[] = [];
  for (let left = lengths.number(); left > 0; left--) {
    let last = 0;
    for (let run = lengths.number(); run > 0; run--) {
      last += falseImages.number();
      image.push(last);
      found.push(0);
      ignored.push(0);
    }
    image.push(images.number());
    const coded = became.number();
    found.push(coded >> 1);
    ignored.push(coded & 1 ? became.number() : 0);
  }
  const outcomes = IOU_THRESHOLDS.map((_, t) =>
    Uint8Array.from(found, (mask, d) =>
      (mask >> t) & 1 ? TRUE_POSITIVE : (ignored[d] >> t) & 1 ? IGNORED : FALSE_POSITIVE,
    ),
  );
  return { image: Int32Array.from(image), outcomes, positives: [positives] };
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

  /** The other's bytes, after their number. */
  append(other: Writer): void {
    this.number(other.list.length);
    for (const byte of other.list) this.list.push(byte);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.list);
  }
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** What `append` has written. */
  part(): Reader {
    const length = this.number();
    this.at += length;
    return new Reader(this.bytes.subarray(this.at - length, this.at));
  }

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
