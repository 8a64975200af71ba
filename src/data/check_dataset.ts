import * as path from 'node:path';
import { CytobenchError } from '../core/errors';
import { ColourOrder } from './colour_order';
import { requireSize } from './dataset';
import { type DatasetInfo, infoFile, readDatasetInfo } from './dataset_info';
import { extractInstances, MIN_INSTANCE_PIXELS } from './extract_instances';
import { type Image, type ReadImage, readImage, surveyRange } from './formats/image';
import { type IntensityRange, TWELVE_BITS } from './formats/intensity';
import { doubtOfMap, type LabelMap, readLabelMap } from './formats/label_map';
import { countClasses, type EntryFiles, listFolder, onlyFile } from './listing';

/** One fault: the file it is in, and what is wrong with it in one line. */
export interface DatasetProblem {
  readonly file: string;
  readonly problem: string;
}

/** A guess or a hint, which leaves the data set usable. */
export interface DatasetNote {
  readonly file?: string;
  readonly note: string;
}

/** What one class holds. */
export interface ClassCount {
  /** Images it occurs in. */
  readonly images: number;
  readonly instances: number;
  /** Pixels; 0 without instances. */
  readonly areaMedian: number;
  /** Instances of `instances` that are under the minimum size, which training leaves out. */
  readonly small: number;
}

export interface DatasetCheck {
  readonly ok: boolean;
  readonly images: number;
  readonly classes: Readonly<Record<string, ClassCount>>;
  readonly problems: readonly DatasetProblem[];
  readonly notes: readonly DatasetNote[];
}

export interface CheckOptions {
  readonly maxPixels?: number;
  /** Instances under this count as small. Default 6. */
  readonly minPixels?: number;
  /** Called after every image. */
  readonly onImage?: (done: number, total: number, id: string) => void;
}

/** Reads every file of a data set and lists all its faults; it stops at none. Throws only when DIR cannot be listed. */
export async function checkDataset(dir: string, options: CheckOptions = {}): Promise<DatasetCheck> {
  const { labelled, entries, unused } = listFolder(dir);
  const problems: DatasetProblem[] = [];
  const notes: DatasetNote[] = unused.map(({ file, why }) => ({ file, note: why }));
  const info = readInfo(dir, problems);
  const { count, stray } = countClasses(entries, info.classes);
  const names = info.classes ?? Array.from({ length: count }, (_, c) => `class${c + 1}`);
  const areas: number[][] = names.map(() => []);
  const images = names.map(() => 0);
  const colours = new ColourOrder(info.channelOrder ?? 'rgb');
  if (entries.length === 0) problems.push({ file: dir, problem: 'holds no image' });
  problems.push(...sameButCase(entries), ...unknownGroups(dir, entries, info));
  const range = info.intensityRange ?? (await surveyRange(firstImages(entries), options));
  const told = new ImageNotes(dir, info, range);
  for (const [done, entry] of entries.entries()) {
    problems.push(...strayFiles(entry, stray, names.length));
    const image = await attempt(problems, entry.folder, async () => {
      return await readImage(onlyFile(entry.images, entry.folder, 'image'), {
        maxPixels: options.maxPixels,
        range,
      });
    });
    if (image) told.add(image, entry.images[0]);
    const maps = await readMaps(entry, names.length, image, problems, notes, options);
    maps.forEach((map, c) => {
      if (!map || !image) return;
      const found = extractInstances(map, image.height, image.width, 1);
      for (const area of found.areas) areas[c].push(area);
      images[c]++;
    });
    if (image) colours.add({ image: image.data, labelMaps: maps }, entry.images[0]);
    options.onImage?.(done + 1, entries.length, entry.id);
  }
  notes.push(...swappedNotes(colours, entries, info), ...told.list());
  const minPixels = options.minPixels ?? MIN_INSTANCE_PIXELS;
  const classes = Object.fromEntries(names.map((name, c) => [name, summary(areas[c], images[c], minPixels)]));
  const counts = labelled ? classes : {};
  if (labelled && entries.length > 0 && areas.every((own) => own.length === 0))
    notes.push({ file: dir, note: 'holds no cell: there is nothing to learn, and AP is undefined' });
  return { ok: problems.length === 0, images: entries.length, classes: counts, problems, notes };
}

function firstImages(entries: readonly EntryFiles[]): string[] {
  return entries.flatMap(({ images }) => images.slice(0, 1));
}

/** What the image files tell beside their pixels, gathered over the data set. */
class ImageNotes {
  private readonly kinds = new Map<string, { count: number; first: string }>();
  private readonly sizes = new Map<number, { count: number; first: string; from: string }>();
  private dim = '';
  private bright = '';

  constructor(
    private readonly dir: string,
    private readonly info: DatasetInfo,
    private readonly range: IntensityRange | undefined,
  ) {}

  add({ notes, pixelSize, depth }: ReadImage, file: string): void {
    for (const note of notes) this.count(note, file);
    if (depth.maximum !== undefined) {
      if (depth.maximum <= TWELVE_BITS) this.dim ||= file;
      else this.bright ||= file;
    }
    if (!pixelSize) return;
    const known = this.sizes.get(pixelSize.value);
    if (known) known.count++;
    else this.sizes.set(pixelSize.value, { count: 1, first: file, from: pixelSize.from });
  }

  list(): DatasetNote[] {
    const notes: DatasetNote[] = [...this.kinds].map(([note, { count, first }]) => ({
      file: first,
      note: count > 1 ? `${note} (and ${count - 1} images more)` : note,
    }));
    for (const [value, { count, first, from }] of this.sizes) {
      const told = this.info.pixelSize;
      const more = count > 1 ? ` (and ${count - 1} images more)` : '';
      if (told !== undefined && Math.abs(value / told - 1) > 0.01)
        notes.push({
          file: first,
          note: `says ${value} µm a pixel (${from}), dataset.json ${told}: ${told} is used${more}`,
        });
      else if (told === undefined)
        notes.push({
          file: first,
          note: `says ${value} µm a pixel (${from}); say "pixelSize": ${value} in dataset.json for it to be used${more}`,
        });
    }
    if (this.range && this.dim && this.bright)
      notes.push({
        file: this.bright,
        note: `has 16-bit values over ${TWELVE_BITS}, others (${path.relative(this.dir, this.dim)}) have not: all are scaled by 255 / ${this.range.high}`,
      });
    return notes;
  }

  private count(note: string, file: string): void {
    const known = this.kinds.get(note);
    if (known) known.count++;
    else this.kinds.set(note, { count: 1, first: file });
  }
}

function readInfo(dir: string, problems: DatasetProblem[]): DatasetInfo {
  try {
    return readDatasetInfo(dir);
  } catch (error) {
    problems.push(asProblem(error, infoFile(dir)));
    return {};
  }
}

/** Runs one reading; a fault becomes a line of the list. */
async function attempt<T>(
  problems: DatasetProblem[],
  where: string,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    problems.push(asProblem(error, where));
    return undefined;
  }
}

function asProblem(error: unknown, where: string): DatasetProblem {
  const { message, where: file } = error as CytobenchError;
  return {
    file: (error instanceof CytobenchError && file) || where,
    problem: message.replace(/\s*\n\s*/g, ' '),
  };
}

async function readMaps(
  entry: EntryFiles,
  classCount: number,
  image: Image | undefined,
  problems: DatasetProblem[],
  notes: DatasetNote[],
  options: CheckOptions,
): Promise<(LabelMap | null)[]> {
  const maps: (LabelMap | null)[] = new Array<LabelMap | null>(classCount).fill(null);
  const read = async (file: string, allowEmpty: boolean): Promise<LabelMap | null> => {
    const map = await attempt(problems, file, async () => {
      const {
        data,
        notes: told,
        ...size
      } = await readLabelMap(file, {
        maxPixels: options.maxPixels,
        allowEmpty,
      });
      if (image) requireSize(file, size, image);
      for (const note of told) notes.push({ file, note });
      const doubt = /ignore/i.test(path.basename(file))
        ? undefined
        : doubtOfMap(data, size.height, size.width);
      if (doubt) notes.push({ file, note: doubt });
      return data;
    });
    return map ?? null;
  };
  for (const { number, file } of entry.classes) {
    const map = await read(file, false);
    if (number < 1 || number > classCount) continue;
    const before = entry.classes.find((other) => other.number === number)?.file;
    if (before === file) maps[number - 1] = map;
    else problems.push({ file, problem: `class ${number} has a second file; keep one` });
  }
  for (const file of entry.ignore) await read(file, false);
  if (entry.ignore.length > 1)
    problems.push({ file: entry.ignore[1], problem: 'a second ignore mask; keep one' });
  return maps;
}

function strayFiles(entry: EntryFiles, stray: readonly number[], count: number): DatasetProblem[] {
  const outside = entry.classes
    .filter(({ number }) => stray.includes(number))
    .map(({ number, file }) => ({
      file,
      problem: `class number ${number} is out of range 1..${Math.max(1, count)}`,
    }));
  const strange = entry.strange.map((file) => ({
    file,
    problem: 'is not a file of the layout (image.tif, class<K>.tif, ignore.tif)',
  }));
  return [...outside, ...strange];
}

function sameButCase(entries: readonly EntryFiles[]): DatasetProblem[] {
  const first = new Map<string, string>();
  const problems: DatasetProblem[] = [];
  for (const { id, folder } of entries) {
    const key = id.toLowerCase();
    const other = first.get(key);
    if (other === undefined) first.set(key, id);
    else problems.push({ file: folder, problem: `the ids "${other}" and "${id}" differ only in case` });
  }
  return problems;
}

function unknownGroups(dir: string, entries: readonly EntryFiles[], info: DatasetInfo): DatasetProblem[] {
  const ids = new Set(entries.map(({ id }) => id));
  const unknown = Object.keys(info.groups ?? {}).filter((id) => !ids.has(id));
  if (unknown.length === 0) return [];
  const more = unknown.length > 1 ? ` and ${unknown.length - 1} more` : '';
  return [{ file: infoFile(dir), problem: `groups: there is no image "${unknown[0]}"${more}` }];
}

/** One line for a whole data set that looks swapped, else one for every image that stands out. A guess. */
function swappedNotes(
  colours: ColourOrder,
  entries: readonly EntryFiles[],
  { channelOrder }: DatasetInfo,
): DatasetNote[] {
  const other = channelOrder === 'bgr' ? 'rgb' : 'bgr';
  const what = `red and blue look swapped for ${channelOrder === 'bgr' ? '"channelOrder": "bgr"' : 'RGB'}`;
  const { all, images } = colours.verdict();
  if (!all) return images.map((file) => ({ file, note: `${what}, unlike in the other images` }));
  const more = entries.length > 1 ? ` in all ${entries.length} images together` : '';
  const file = entries[0].images[0] ?? entries[0].folder;
  return [{ file, note: `${what}${more}; if so, say "channelOrder": "${other}" in dataset.json` }];
}

function summary(areas: number[], images: number, minPixels: number): ClassCount {
  const sorted = areas.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const areaMedian =
    sorted.length === 0 ? 0 : sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return {
    images,
    instances: sorted.length,
    areaMedian,
    small: sorted.filter((area) => area < minPixels).length,
  };
}
