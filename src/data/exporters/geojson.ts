import { createHash } from 'node:crypto';
import { type Contour, maskPolygons } from '../../geometry/contour';
import type { Instances } from '../../geometry/instances';
import { rleToCropMask } from '../../geometry/rle';

type Ring = readonly (readonly [number, number])[];

/** One cell as QuPath reads it. */
export interface CellFeature {
  readonly type: 'Feature';
  readonly id: string;
  readonly geometry:
    | { readonly type: 'Polygon'; readonly coordinates: readonly Ring[] }
    | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly Ring[])[] };
  readonly properties: {
    readonly objectType: 'detection';
    readonly classification: { readonly name: string; readonly color: readonly number[] };
    readonly measurements: Readonly<Record<string, number>>;
  };
}

export interface GeoJsonOptions {
  /** Goes into the ids: the same image and row give the same id. */
  readonly image: string;
  /** Names of the classes 1..K. */
  readonly classes: readonly string[];
  /** [r, g, b] of class 1..K, 0..255. */
  readonly colour: (label: number) => readonly number[];
  readonly measurements?: (row: number) => Readonly<Record<string, number>>;
}

/**
 * The instances as features whose rings run along pixel edges: (0, 0) is the corner of the first pixel. A ring ends
 * where it began; the outer one has a positive shoelace sum of the numbers as written, holes a negative one. Pixels
 * that touch at a corner are parts of a MultiPolygon. An empty mask gives no feature.
 */
export function cellFeatures(instances: Instances, options: GeoJsonOptions): CellFeature[] {
  const { image, classes, colour, measurements } = options;
  return instances.masks.flatMap((mask, i): CellFeature[] => {
    const parts = maskPolygons(rleToCropMask(mask)).map(({ outer, holes }) => [outer, ...holes].map(ringOf));
    if (parts.length === 0) return [];
    const label = instances.labels[i];
    return [
      {
        type: 'Feature',
        id: uuidOf(`${image} ${i + 1}`),
        geometry:
          parts.length === 1
            ? { type: 'Polygon', coordinates: parts[0] }
            : { type: 'MultiPolygon', coordinates: parts },
        properties: {
          objectType: 'detection',
          classification: { name: classes[label - 1] ?? `class${label}`, color: colour(label) },
          measurements: { score: instances.scores[i], ...measurements?.(i) },
        },
      },
    ];
  });
}

/** A FeatureCollection's text, one cell a line. */
export function geoJson(features: readonly CellFeature[]): string {
  return `{"type":"FeatureCollection","features":[\n${features.map((one) => JSON.stringify(one)).join(',\n')}\n]}\n`;
}

function ringOf({ points }: Contour): Ring {
  const ring: [number, number][] = [];
  for (let i = 0; i < points.length; i += 2) ring.push([points[i], points[i + 1]]);
  ring.push([points[0], points[1]]);
  return ring;
}

/** A UUID made from a name (RFC 9562, version 5 in form). */
function uuidOf(name: string): string {
  const hex = createHash('sha1').update(`cytobench ${name}`).digest('hex');
  const variant = ((Number.parseInt(hex[16], 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
