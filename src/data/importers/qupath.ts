import { DataError } from '../../core/errors';
import { Companions, stemsOf } from './companions';
import { readForeignJson } from './foreign_json';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { classOf, type Importer, type ImportSettings, SourceImages } from './importer';
import { type Box, boxOf, regionsAmong } from './regions';
import { paintShapes, polygonMask, type Rings, type Shape } from './shapes';

interface Geometry {
  readonly type?: string;
  readonly coordinates?: unknown;
  readonly plane?: { readonly z?: unknown };
}

interface Feature {
  readonly type?: string;
  readonly geometry?: Geometry | null;
  readonly nucleusGeometry?: Geometry | null;
  readonly properties?: {
    readonly name?: string;
    readonly objectType?: string;
    readonly object_type?: string;
    readonly classification?: { readonly name?: string; readonly names?: readonly string[] } | string | null;
  } | null;
}

/** GeoJSON of QuPath. */
export const qupath: Importer = {
  name: 'qupath',
  reads: 'GeoJSON of QuPath beside its image',
  sources: ['src'],
  settings: ['className', 'nuclei'],
  open: ([src], settings, notes) => openQuPath(src, settings, notes),
};

/** QuPath's own name for regions that measurements pass over. */
const IGNORE = 'Ignore*';

/**
 * GeoJSON as QuPath exports it (a FeatureCollection, or a bare list of features), beside an image of the same name.
 * Classes are the classifications in code-unit order; objects without one are of class `className`; those called
 * `Ignore*` become ignored regions. Polygons with holes and multi-polygons are taken; lines and points are noted.
 * Annotations that hold cells are regions of the tissue, not cells: left out and noted.
 */
export function openQuPath(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const companions = new Companions(dir);
  const className = classOf(settings);
  const byId = new Map<string, { file: string; json: string }>();
  const classNames = new Set<string>();
  for (const { id, file } of findImages(dir)) {
    const json = companions.nearest(
      file,
      stemsOf(file).flatMap((stem) => [
        `${stem}.geojson`,
        `${stem}${extensionOf(file)}.geojson`,
        `${stem}.json`,
      ]),
    );
    if (!json) {
      notes.add('image without a .geojson beside it: left out', id);
      continue;
    }
    byId.set(id, { file, json });
    const { cells } = cellsOf(readFeatures(json), id);
    for (const { feature } of cells) classNames.add(nameOf(feature, className));
  }
  requireSome([...byId.keys()], dir, 'image with a .geojson beside it');
  const classes = [...classNames].filter((name) => name !== IGNORE).sort();
  const source = new SourceImages(
    [...byId.values()].map(({ file }) => file),
    settings,
  );
  return {
    ids: [...byId.keys()],
    classes: classes.length > 0 ? classes : [className],
    channelOrder: settings.channelOrder ?? 'rgb',
    load: async (id, own) => {
      const { file, json } = byId.get(id) as { file: string; json: string };
      const { data: image, width, height } = await source.load(file, id, own);
      const shapes: Shape[] = [];
      const { cells, left } = cellsOf(readFeatures(json), id);
      for (const { note, name } of left) own.add(note, name);
      let nuclei = 0;
      for (const { feature, name } of cells) {
        if (feature.nucleusGeometry) nuclei++;
        const geometry = (settings.nuclei && feature.nucleusGeometry) || feature.geometry;
        if (!onPlane(geometry, settings.plane)) {
          own.add('on another plane: left out', name);
          continue;
        }
        const parts = partsOf(geometry, name, own);
        const code = parts && polygonMask(parts, { width, height }, name, own);
        if (code) shapes.push({ label: classes.indexOf(nameOf(feature, className)) + 1, code, name });
      }
      if (nuclei > 0 && !settings.nuclei)
        own.add('cells with a nucleus: the outline of the cell is taken (choose with --nuclei)', id);
      return {
        id,
        width,
        height,
        image,
        ...paintShapes(shapes, Math.max(1, classes.length), { width, height }, own),
      };
    },
    info: (own) => source.finish(own),
  };
}

function extensionOf(file: string): string {
  return file.slice(file.lastIndexOf('.'));
}

function nameOf({ properties }: Feature, className: string): string {
  const classification = properties?.classification;
  if (typeof classification === 'string') return classification || className;
  return classification?.name ?? classification?.names?.join(': ') ?? className;
}

/** The place in a stack: 0 is the first plane. Shapes on the first are on any. */
function onPlane(geometry: Geometry | null | undefined, plane = 1): boolean {
  const z = geometry?.plane?.z;
  return typeof z !== 'number' || z === 0 || z === plane - 1;
}

interface NamedFeature {
  readonly feature: Feature;
  readonly name: string;
}

/** What is a cell, and what is left out and why. */
function cellsOf(
  features: readonly Feature[],
  id: string,
): { cells: NamedFeature[]; left: { note: string; name: string }[] } {
  const kinds = features.map((feature) =>
    (feature?.properties?.objectType ?? feature?.properties?.object_type ?? 'annotation').toLowerCase(),
  );
  const boxes = features.map((feature): Box | undefined => boxOf(outerRing(feature?.geometry)));
  const classified = features.map((feature) => Boolean(feature?.properties?.classification));
  const ignored = features.map((feature) => nameOf(feature ?? {}, '') === IGNORE);
  const regions = new Set(
    regionsAmong(
      features.map((feature, k) => ({
        box: boxes[k],
        ring: () => outerRing(feature?.geometry),
        annotation: kinds[k] === 'annotation' && !ignored[k],
        classified: classified[k],
      })),
    ),
  );
  const cells: NamedFeature[] = [];
  const left: { note: string; name: string }[] = [];
  features.forEach((feature, i) => {
    const label = feature?.properties?.name;
    const name = `${id}, feature ${i + 1}${label ? ` (${label})` : ''}`;
    if (kinds[i] === 'tile' || /^tma/.test(kinds[i]) || kinds[i] === 'root')
      left.push({ note: `${kinds[i]}: not a cell, left out`, name });
    else if (regions.has(i))
      left.push({ note: 'annotation of a region that holds cells: not a cell, left out', name });
    else if (typeof feature !== 'object' || feature === null)
      left.push({ note: 'no feature: left out', name });
    else cells.push({ feature, name });
  });
  return { cells, left };
}

/** The first ring of a geometry as x0, y0, x1, y1 …; empty where it is none. */
function outerRing(geometry: Geometry | null | undefined): number[] {
  const { type, coordinates } = geometry ?? {};
  const polygon = type === 'MultiPolygon' && Array.isArray(coordinates) ? coordinates[0] : coordinates;
  const ring: unknown = Array.isArray(polygon) ? polygon[0] : undefined;
  if ((type !== 'Polygon' && type !== 'MultiPolygon') || !Array.isArray(ring)) return [];
  return ring.flatMap((point) => (isPoint(point) ? [point[0], point[1]] : []));
}

function isPoint(point: unknown): point is readonly [number, number] {
  return Array.isArray(point) && Number.isFinite(point[0]) && Number.isFinite(point[1]);
}

function readFeatures(file: string): Feature[] {
  const value = readForeignJson(file);
  const list = Array.isArray(value) ? value : (value as { features?: unknown } | null)?.features;
  const single = (value as Feature | null)?.type === 'Feature' ? [value] : undefined;
  const features = single ?? list;
  if (!Array.isArray(features))
    throw new DataError('is no GeoJSON of features', {
      where: file,
      fix: 'In QuPath: File, Export objects as GeoJSON.',
    });
  return features as Feature[];
}

/** The polygons of a feature; undefined (noted) for lines and points, and for what is damaged. */
function partsOf(
  geometry: Geometry | null | undefined,
  name: string,
  notes: ImportNotes,
): Rings[] | undefined {
  const { type, coordinates } = geometry ?? {};
  const polygons = type === 'Polygon' ? [coordinates] : type === 'MultiPolygon' ? coordinates : undefined;
  if (polygons === undefined) {
    notes.add(`${type ?? 'no geometry'}: not a region, left out`, name);
    return undefined;
  }
  const parts = Array.isArray(polygons) ? polygons.map((part) => ringsOf(part, name, notes)) : [];
  const sound = parts.filter((part): part is number[][] => part !== undefined);
  if (sound.length === parts.length && parts.length > 0) return sound;
  notes.add('expected rings of [x, y] points: left out', name);
  return undefined;
}

function ringsOf(coordinates: unknown, name: string, notes: ImportNotes): number[][] | undefined {
  if (!Array.isArray(coordinates) || coordinates.length === 0) return undefined;
  const rings: number[][] = [];
  for (const ring of coordinates as unknown[]) {
    if (!Array.isArray(ring) || ring.length === 0 || !ring.every(isPoint)) return undefined;
    const points: number[] = [];
    for (const [x, y] of ring) points.push(x, y);
    const n = points.length;
    // GeoJSON (RFC 7946, 3.1.6): the last position repeats the first.
    if (points[0] !== points[n - 2] || points[1] !== points[n - 1])
      notes.add('ring that does not end where it began: closed by a straight line', name);
    rings.push(points);
  }
  return rings;
}
