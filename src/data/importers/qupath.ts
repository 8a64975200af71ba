import * as fs from 'node:fs';
import { DataError } from '../../core/errors';
import { readJson } from '../../core/files';
import type { ChannelOrder } from '../dataset_info';
import { readImage } from '../formats/image';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { paintShapes, polygonMask, type Rings, type Shape } from './shapes';

interface Feature {
  readonly type?: string;
  readonly geometry?: { readonly type?: string; readonly coordinates?: unknown };
  readonly properties?: {
    readonly name?: string;
    readonly objectType?: string;
    readonly classification?: { readonly name?: string; readonly names?: readonly string[] };
  };
}

/** QuPath's own name for regions that measurements pass over. */
const IGNORE = 'Ignore*';

/**
 * GeoJSON as QuPath exports it (a FeatureCollection, or a bare list of features), beside an image of the same name.
 * Classes are the classifications in code-unit order; objects without one are of class `className`; those called
 * `Ignore*` become ignored regions. Polygons with holes and multi-polygons are taken; lines and points are noted.
 */
export function openQuPath(
  dir: string,
  className: string,
  channelOrder: ChannelOrder,
  notes: ImportNotes,
): ForeignDataset {
  const files = findImages(dir).filter(({ id, file }) => {
    if (jsonOf(file)) return true;
    notes.add('image without a .geojson beside it: left out', id);
    return false;
  });
  requireSome(files, dir, 'image with a .geojson beside it');
  const byId = new Map(
    files.map(({ id, file }) => [id, { file, features: readFeatures(jsonOf(file) as string) }]),
  );
  const classOf = ({ properties }: Feature): string =>
    properties?.classification?.name ?? properties?.classification?.names?.join(': ') ?? className;
  const classes = [...new Set([...byId.values()].flatMap(({ features }) => features.map(classOf)))]
    .filter((name) => name !== IGNORE)
    .sort();
  return {
    ids: files.map(({ id }) => id),
    classes: classes.length > 0 ? classes : [className],
    channelOrder,
    load: async (id, own) => {
      const { file, features } = byId.get(id) as { file: string; features: Feature[] };
      const { data: image, width, height } = await readImage(file);
      const shapes: Shape[] = [];
      features.forEach((feature, i) => {
        const name = `${id}, feature ${i + 1}${feature.properties?.name ? ` (${feature.properties.name})` : ''}`;
        const parts = partsOf(feature, name, own);
        const mask = parts && polygonMask(parts, { width, height }, name, own);
        if (mask) shapes.push({ label: classes.indexOf(classOf(feature)) + 1, mask, name });
      });
      return {
        id,
        width,
        height,
        image,
        ...paintShapes(shapes, Math.max(1, classes.length), { width, height }, own),
      };
    },
  };
}

function jsonOf(file: string): string | undefined {
  const stem = file.replace(/\.[^.]+$/, '');
  return [`${stem}.geojson`, `${file}.geojson`, `${stem}.json`].find((candidate) => fs.existsSync(candidate));
}

function readFeatures(file: string): Feature[] {
  const value = readJson<unknown>(file);
  const list = Array.isArray(value) ? value : (value as { features?: unknown })?.features;
  const single = (value as Feature)?.type === 'Feature' ? [value] : undefined;
  const features = single ?? list;
  if (!Array.isArray(features))
    throw new DataError('is no GeoJSON of features', {
      where: file,
      fix: 'In QuPath: File, Export objects as GeoJSON.',
    });
  return features as Feature[];
}

/** The polygons of a feature; undefined (noted) for lines and points. */
function partsOf({ geometry }: Feature, name: string, notes: ImportNotes): Rings[] | undefined {
  const { type, coordinates } = geometry ?? {};
  if (type === 'Polygon') return [ringsOf(coordinates, name, notes)];
  if (type === 'MultiPolygon' && Array.isArray(coordinates))
    return coordinates.map((part) => ringsOf(part, name, notes));
  notes.add(`${type ?? 'no geometry'}: not a region, left out`, name);
  return undefined;
}

function ringsOf(coordinates: unknown, name: string, notes: ImportNotes): Rings {
  const fault = (): DataError => new DataError(`${name}: expected rings of [x, y] points`);
  if (!Array.isArray(coordinates) || coordinates.length === 0) throw fault();
  return coordinates.map((ring) => {
    if (!Array.isArray(ring)) throw fault();
    const points = ring.flatMap((point) => {
      const [x, y] = (Array.isArray(point) ? point : []) as unknown[];
      if (typeof x !== 'number' || typeof y !== 'number') throw fault();
      return [x, y];
    });
    const n = points.length;
    // GeoJSON (RFC 7946, 3.1.6): the last position repeats the first.
    if (n >= 2 && (points[0] !== points[n - 2] || points[1] !== points[n - 1]))
      notes.add('ring that does not end where it began: closed by a straight line', name);
    return points;
  });
}
