/** Extent of a ring. */
export interface Box {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** An object of QuPath on its way to being a cell or a region that holds cells. */
export interface Candidate {
  readonly box: Box | undefined;
  ring(): readonly number[];
  readonly annotation: boolean;
  readonly classified: boolean;
}

/** An annotation under so many times the usual area of the cells is looked at as a cell. */
const LARGE = 4;

/** Extent of x0, y0, x1, y1 …; undefined where there is none. */
export function boxOf(ring: readonly number[]): Box | undefined {
  if (ring.length < 6) return undefined;
  let [x1, y1, x2, y2] = [ring[0], ring[1], ring[0], ring[1]];
  for (let i = 2; i + 1 < ring.length; i += 2) {
    if (ring[i] < x1) x1 = ring[i];
    if (ring[i] > x2) x2 = ring[i];
    if (ring[i + 1] < y1) y1 = ring[i + 1];
    if (ring[i + 1] > y2) y2 = ring[i + 1];
  }
  return { x1, y1, x2, y2 };
}

/**
 * The annotations that are regions, by their place in the list: those that hold a detection; beside detections also
 * large ones without a class; among annotations alone those that hold two others or more.
 */
export function regionsAmong(objects: readonly Candidate[]): number[] {
  const detections = objects.filter(({ annotation, box }) => !annotation && box);
  const held = detections.length > 0 ? detections : objects.filter(({ box }) => box);
  const areas = held.map(({ box }) => areaOf(box as Box)).sort((a, b) => a - b);
  const usual = areas[areas.length >> 1] ?? 0;
  const regions: number[] = [];
  objects.forEach((object, i) => {
    const { box, annotation, classified } = object;
    if (!annotation || !box) return;
    const large = areaOf(box) >= LARGE * usual;
    const needed = detections.length > 0 ? 1 : 2;
    if (large && detections.length > 0 && !classified) regions.push(i);
    else if (areaOf(box) > usual && holds(object, held, needed)) regions.push(i);
  });
  return regions;
}

function areaOf({ x1, y1, x2, y2 }: Box): number {
  return (x2 - x1) * (y2 - y1);
}

/** Whether `needed` of the others are inside: the middle of their extent is within the line. */
function holds(region: Candidate, others: readonly Candidate[], needed: number): boolean {
  const box = region.box as Box;
  let ring: readonly number[] | undefined;
  let found = 0;
  for (const other of others) {
    const inner = other.box;
    if (other === region || !inner) continue;
    if (inner.x1 < box.x1 || inner.x2 > box.x2 || inner.y1 < box.y1 || inner.y2 > box.y2) continue;
    ring ??= region.ring();
    if (isInside(ring, (inner.x1 + inner.x2) / 2, (inner.y1 + inner.y2) / 2) && ++found >= needed)
      return true;
  }
  return false;
}

function isInside(ring: readonly number[], x: number, y: number): boolean {
  let inside = false;
  const n = ring.length;
  for (let i = 0; i + 1 < n; i += 2) {
    const j = (i + 2) % n;
    const [x1, y1, x2, y2] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
  }
  return inside;
}
