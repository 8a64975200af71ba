import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { nearestName, UsageError, WeightsError } from '../../core/errors';
import { fileError } from '../../core/files';
import { PACKAGE_ROOT } from '../../core/package_root';
import { createProgress } from '../../core/progress';

/** A weight file published by torchvision. */
export interface PublishedWeights {
  readonly name: string;
  /** Its name ends in the first eight digits of its SHA-256. */
  readonly file: string;
  readonly about: string;
}

/** Where torchvision publishes its files. */
export const PUBLISHED_URL = 'https://download.pytorch.org/models';

/** torchvision's names and files. Source: torchvision/models/**, the `*_Weights` enumerations of 0.29. */
export const PUBLISHED: readonly PublishedWeights[] = [
  published(
    'maskrcnn_resnet50_fpn_coco',
    'bf2d0c1e',
    'Mask R-CNN, ResNet-50, COCO; the norms take an epsilon of 0',
  ),
  published('maskrcnn_resnet50_fpn_v2_coco', '73cbd019', 'Mask R-CNN v2, ResNet-50, COCO'),
  published('resnet18', 'f37072fd', 'ResNet-18, ImageNet'),
  published('resnet34', 'b627a593', 'ResNet-34, ImageNet'),
  published('resnet50', '0676ba61', 'ResNet-50, ImageNet (V1)'),
  published('resnet50_v2', '11ad3fa6', 'ResNet-50, ImageNet (V2)', 'resnet50'),
  published('resnet101', '63fe2227', 'ResNet-101, ImageNet (V1)'),
  published('resnet101_v2', 'cd907fc2', 'ResNet-101, ImageNet (V2)', 'resnet101'),
];

function published(name: string, hash: string, about: string, stem: string = name): PublishedWeights {
  return { name, file: `${stem}-${hash}.pth`, about };
}

/** The published file of that name or file name; an unknown name is a usage error that tells the nearest. */
export function findPublished(name: string): PublishedWeights {
  const found = PUBLISHED.find((entry) => entry.name === name || entry.file === name);
  if (found) return found;
  const names = PUBLISHED.map((entry) => entry.name);
  const near = nearestName(name, names);
  throw new UsageError(`no published weights "${name}"${near ? `; the nearest is "${near}"` : ''}`, {
    fix: `Known: ${names.join(', ')}.`,
  });
}

export function isPublished(name: string): boolean {
  return PUBLISHED.some((entry) => entry.name === name || entry.file === name);
}

export interface FetchedWeights {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  /** Where it was found: our cache, torch's, or the net. */
  readonly source: 'cache' | 'torch' | 'download';
}

/** Our own cache: CYTOBENCH_CACHE, else `~/.cache/cytobench`. */
export function weightsCache(): string {
  return process.env.CYTOBENCH_CACHE || path.join(os.homedir(), '.cache', 'cytobench');
}

/** The folders in which torch keeps what it has downloaded. Source: torch/hub.py, `_get_torch_home`. */
export function torchCaches(): string[] {
  const xdg = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  const homes = [process.env.TORCH_HOME, path.join(xdg, 'torch'), path.join(os.homedir(), '.cache', 'torch')];
  const folders = homes.flatMap((home) => (home ? [path.join(home, 'hub', 'checkpoints')] : []));
  return [...new Set(folders)];
}

/** The file of published weights on this machine, its hash checked; undefined where it is in no cache. */
export function findCachedWeights(name: string): FetchedWeights | undefined {
  const entry = findPublished(name);
  const places = [
    { folder: weightsCache(), source: 'cache' as const },
    ...torchCaches().map((folder) => ({ folder, source: 'torch' as const })),
  ];
  for (const { folder, source } of places) {
    const file = path.join(folder, entry.file);
    const bytes = fs.statSync(file, { throwIfNoEntry: false })?.size;
    if (bytes === undefined) continue;
    if (!hashMatches(file, entry))
      throw new WeightsError('its content does not match the hash in its name', {
        where: file,
        fix: 'Delete it and fetch it again.',
      });
    return { name: entry.name, file, bytes, source };
  }
  return undefined;
}

/**
 * Published weights from our cache, torch's, or torchvision's server (`CYTOBENCH_WEIGHTS_URL` names another). A
 * download that was cut goes on where it stopped; the hash in the name is checked before the file takes its name.
 * Throws WeightsError; offline its message says what to download and where to put it.
 */
export async function fetchWeights(name: string): Promise<FetchedWeights> {
  const cached = findCachedWeights(name);
  if (cached) return cached;
  const entry = findPublished(name);
  const file = path.join(weightsCache(), entry.file);
  const url = `${process.env.CYTOBENCH_WEIGHTS_URL || PUBLISHED_URL}/${entry.file}`;
  const partial = `${file}.part`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
  } catch (error) {
    throw fileError(error, path.dirname(file), 'write');
  }
  try {
    await download(url, partial, entry.file);
  } catch (error) {
    throw notDownloaded(error, url, file);
  }
  if (!hashMatches(partial, entry)) {
    fs.rmSync(partial, { force: true });
    throw new WeightsError(`what ${url} sent does not match the hash in its name`, {
      where: entry.file,
      fix: 'Fetch it again, or download it by another way.',
    });
  }
  fs.renameSync(partial, file);
  return { name: entry.name, file, bytes: fs.statSync(file).size, source: 'download' };
}

/** Ends a download that has sent nothing for this long. */
const STALL_MS = 30_000;

async function download(url: string, partial: string, label: string): Promise<void> {
  const have = fs.statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error('no answer')), STALL_MS);
  try {
    const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
    const response = await fetch(url, { headers, signal: abort.signal });
    // 416: the part is already whole, or longer than the file; the hash tells which.
    if (response.status === 416) return;
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const resumed = response.status === 206 && have > 0;
    const start = resumed ? have : 0;
    const total = start + Number(response.headers.get('content-length') ?? 0);
    const progress = createProgress({ label, total: Math.round(total / 1e6), unit: 'MB' });
    const descriptor = fs.openSync(partial, resumed ? 'a' : 'w');
    let done = start;
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(new Error('no more data came')), STALL_MS);
        fs.writeSync(descriptor, chunk);
        done += chunk.byteLength;
        progress.update(Math.round(done / 1e6));
      }
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    if (done < total) throw new Error('the connection ended early; run the same command again to go on');
    progress.finish();
  } finally {
    clearTimeout(timer);
  }
}

function notDownloaded(error: unknown, url: string, file: string): WeightsError {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  const reason = cause?.code ?? cause?.message ?? (error as Error).message;
  return new WeightsError(`not in any cache, and the download failed (${reason})`, {
    where: path.basename(file),
    fix: `Download ${url} and put it at ${file}.`,
    cause: error,
  });
}

/** Whether the file's SHA-256 begins as its published name says. */
function hashMatches(file: string, entry: PublishedWeights): boolean {
  const prefix = /-([0-9a-f]{8,})\.pth$/.exec(entry.file)?.[1] ?? '';
  const hash = createHash('sha256');
  const descriptor = fs.openSync(file, 'r');
  try {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (let got = fs.readSync(descriptor, chunk); got > 0; got = fs.readSync(descriptor, chunk))
      hash.update(chunk.subarray(0, got));
  } finally {
    fs.closeSync(descriptor);
  }
  return hash.digest('hex').startsWith(prefix);
}

/** A weights file that the set-up fetches with the packages. */
export function packagedWeights(name: string): string {
  const file = path.join(PACKAGE_ROOT, '.native', 'weights', name);
  if (!fs.existsSync(file))
    throw new WeightsError(`the weights ${name} are not there`, { where: file, fix: 'Run `npm run setup`.' });
  return file;
}
