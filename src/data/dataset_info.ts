import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError, nearestName } from '../core/errors';
import { readJson, writeJson } from '../core/files';
import type { IntensityRange } from './formats/intensity';

export type ChannelOrder = 'rgb' | 'bgr';

/** What `dataset.json` says. Every part is optional. */
export interface DatasetInfo {
  /** Names of the classes 1..K. */
  readonly classes?: readonly string[];
  /** Micrometres a pixel. */
  readonly pixelSize?: number;
  /** Order of the colour channels in the image files. */
  readonly channelOrder?: ChannelOrder;
  /** Image id to the group (patient, slide, tile) it belongs to. */
  readonly groups?: Readonly<Record<string, string>>;
  /** What becomes 0 and 255 in 16-bit and float images. Default: found from all images of the set. */
  readonly intensityRange?: IntensityRange;
}

const KEYS = ['classes', 'pixelSize', 'channelOrder', 'groups', 'intensityRange'];

/** Where `dataset.json` of a data set lies. */
export function infoFile(dir: string): string {
  return path.join(dir, 'dataset.json');
}

/** Reads `DIR/dataset.json`; an empty description where there is none. Errors name the file and the key. */
export function readDatasetInfo(dir: string): DatasetInfo {
  const file = infoFile(dir);
  if (!fs.existsSync(file)) return {};
  const raw = readJson<unknown>(file);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new DataError('holds no object', { where: file });
  const value = raw as Record<string, unknown>;
  for (const key of Object.keys(value))
    if (!KEYS.includes(key)) {
      const near = nearestName(key, KEYS);
      throw new DataError(`unknown key "${key}"${near ? `, did you mean "${near}"?` : ''}`, {
        where: file,
        fix: `Known keys: ${KEYS.join(', ')}.`,
      });
    }
  return {
    ...optional('classes', parseClasses(value.classes, file)),
    ...optional('pixelSize', parsePixelSize(value.pixelSize, file)),
    ...optional('channelOrder', parseChannelOrder(value.channelOrder, file)),
    ...optional('groups', parseGroups(value.groups, file)),
    ...optional('intensityRange', parseRange(value.intensityRange, file)),
  };
}

/** Writes `DIR/dataset.json`, whole or not at all. */
export function writeDatasetInfo(dir: string, info: DatasetInfo): void {
  writeJson(infoFile(dir), info);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

/** A list of names, or an object `{class1: name, …}`. */
function parseClasses(value: unknown, file: string): string[] | undefined {
  if (value === undefined) return undefined;
  let names: unknown[] = [];
  if (Array.isArray(value)) names = value;
  else if (typeof value === 'object' && value !== null)
    for (const [key, name] of Object.entries(value)) {
      const number = /^(?:class)?(\d+)$/.exec(key)?.[1];
      if (!number || number === '0')
        throw new DataError(`classes: key "${key}" is not class<K>`, { where: file });
      names[Number(number) - 1] = name;
    }
  const list = Array.from(names);
  const wrong = list.length === 0 || list.some((name) => typeof name !== 'string' || name.trim() === '');
  if (wrong || new Set(list).size !== list.length)
    throw new DataError('classes: expected a list of different names, one for each class', { where: file });
  const strange = (list as string[]).find((name) => /\p{Cc}/u.test(name));
  if (strange !== undefined)
    throw new DataError(`classes: ${JSON.stringify(strange)} holds a control character`, { where: file });
  return list as string[];
}

function parsePixelSize(value: unknown, file: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw new DataError(`pixelSize: expected micrometres a pixel over 0, got ${JSON.stringify(value)}`, {
      where: file,
    });
  return value;
}

function parseChannelOrder(value: unknown, file: string): ChannelOrder | undefined {
  if (value === undefined || value === 'rgb' || value === 'bgr') return value;
  throw new DataError(`channelOrder: expected "rgb" or "bgr", got ${JSON.stringify(value)}`, { where: file });
}

/** `[low, high]` or `{low, high}`. */
function parseRange(value: unknown, file: string): IntensityRange | undefined {
  if (value === undefined) return undefined;
  const { low, high } = (Array.isArray(value) ? { low: value[0], high: value[1] } : (value ?? {})) as {
    low?: unknown;
    high?: unknown;
  };
  if (typeof low === 'number' && typeof high === 'number' && low < high && Number.isFinite(high - low))
    return { low, high };
  throw new DataError(`intensityRange: expected [low, high], got ${JSON.stringify(value)}`, { where: file });
}

/** `{id: group}` or `{group: [ids]}`. */
function parseGroups(value: unknown, file: string): Record<string, string> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DataError('groups: expected an object {id: group} or {group: [ids]}', { where: file });
  const groups: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry === 'string') groups[key] = entry;
    else if (Array.isArray(entry) && entry.every((id) => typeof id === 'string'))
      for (const id of entry as string[]) {
        if (groups[id] !== undefined && groups[id] !== key)
          throw new DataError(`groups: "${id}" is in "${groups[id]}" and in "${key}"`, { where: file });
        groups[id] = key;
      }
    else throw new DataError(`groups: "${key}" is neither a group name nor a list of ids`, { where: file });
  }
  return groups;
}
