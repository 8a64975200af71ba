import { DataError } from '../../core/errors';
import { readBytes } from '../../core/files';

/** A region of an Aperio ImageScope annotation. */
export interface AperioRegion {
  /** The region's number in the file. */
  readonly id: string;
  /** Name of the layer's attribute (the class), else the name of the layer. */
  readonly className: string;
  /** x0, y0, x1, y1 … in pixels of the full image. */
  readonly points: readonly number[];
}

export interface AperioAnnotations {
  /** Micrometres a pixel, where the file tells. */
  readonly pixelSize?: number;
  readonly regions: readonly AperioRegion[];
}

const TAG = /<(\/?)([A-Za-z]\w*)((?:"[^"]*"|'[^']*'|[^<>"'])*)>/g;

/**
 * Reads `<Annotations><Annotation><Attributes/><Regions><Region><Vertices><Vertex X Y/>` as ImageScope writes it.
 * Errors name the file: not XML of that kind, cut off, a vertex without numbers.
 */
export function readAperioXml(file: string): AperioAnnotations {
  const text = readBytes(file, 500e6)
    .toString('utf8')
    .replace(/<!--[\s\S]*?-->/g, '');
  if (!/<Annotations[\s>]/.test(text))
    throw new DataError('is no Aperio annotation file (no <Annotations>)', { where: file });
  if (!text.includes('</Annotations>'))
    throw new DataError('is cut off (no </Annotations>)', { where: file, fix: 'Copy it again.' });
  const mpp = Number(/<Annotations[^>]*\bMicronsPerPixel="([^"]*)"/.exec(text)?.[1]);
  const regions: AperioRegion[] = [];
  let layer = '';
  let className = '';
  let region: { id: string; points: number[] } | undefined;
  for (const [, closing, name, attributes] of text.matchAll(TAG)) {
    if (closing) {
      if (name === 'Region' && region)
        regions.push({ id: region.id, className: className || layer, points: region.points });
      if (name === 'Region') region = undefined;
    } else if (name === 'Annotation') {
      layer = attribute(attributes, 'Name') ?? '';
      className = '';
    } else if (name === 'Attribute' && !region) className ||= classOf(attributes);
    else if (name === 'Region') {
      const started = { id: attribute(attributes, 'Id') ?? String(regions.length + 1), points: [] };
      // A region without content has no closing tag of its own.
      if (attributes.endsWith('/'))
        regions.push({ id: started.id, className: className || layer, points: [] });
      else region = started;
    } else if (name === 'Vertex' && region) region.points.push(...vertex(attributes, region.id, file));
  }
  return { ...(mpp > 0 ? { pixelSize: mpp } : {}), regions };
}

/** The class that an attribute of a layer names; `Description` is ImageScope's own word, with the class as its value. */
function classOf(attributes: string): string {
  const name = attribute(attributes, 'Name') ?? '';
  return name === 'Description' ? (attribute(attributes, 'Value') ?? '') : name;
}

function vertex(attributes: string, id: string, file: string): [number, number] {
  const x = Number(attribute(attributes, 'X') || Number.NaN);
  const y = Number(attribute(attributes, 'Y') || Number.NaN);
  if (Number.isFinite(x) && Number.isFinite(y)) return [x, y];
  throw new DataError(`region ${id}: a vertex without numbers (${attributes.trim()})`, { where: file });
}

function attribute(attributes: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes);
  return match
    ? (match[1] ?? match[2])
        .replace(/&lt;/g, '<')
        .replace(/&gt;/g, '>')
        .replace(/&quot;/g, '"')
        .replace(/&amp;/g, '&')
    : undefined;
}
