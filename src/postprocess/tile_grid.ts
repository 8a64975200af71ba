import { ConfigError } from '../core/errors';

/** Pixels of the image; right and bottom are exclusive. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What the network sees at once, and the part of it that no other tile answers for. Cores fill the image. */
export interface Tile {
  readonly view: Rect;
  readonly core: Rect;
}

export interface TileGridOptions {
  /** Largest side of a view. */
  readonly tile: number;
  /** Pixels that neighbouring views share, at least. */
  readonly overlap: number;
  /** Views begin at multiples of this: with the network's coarsest stride, the same grid of anchors everywhere. */
  readonly align?: number;
  /** Moves the grid to the left and up by so many pixels: for comparing one grid with another. */
  readonly shift?: number;
}

/** Tiles of an image, row by row; a single one where it fits. */
export function tileGrid(height: number, width: number, options: TileGridOptions): Tile[] {
  const { tile, overlap } = options;
  if (!(overlap >= 0 && overlap < tile))
    throw new ConfigError(`tiles of ${tile} pixels cannot overlap by ${overlap}`, {
      fix: 'Choose an overlap of at least 0 and smaller than the tile.',
    });
  const rows = spans(height, options);
  const columns = spans(width, options);
  return rows.flatMap((row) =>
    columns.map((column) => ({
      view: { left: column.start, top: row.start, right: column.end, bottom: row.end },
      core: { left: column.from, top: row.from, right: column.to, bottom: row.to },
    })),
  );
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** The core. */
  readonly from: number;
  readonly to: number;
}

function spans(size: number, { tile, overlap, align = 1, shift = 0 }: TileGridOptions): Span[] {
  if (size <= tile) return [{ start: 0, end: size, from: 0, to: size }];
  const unit = align <= tile - overlap ? align : 1;
  const step = Math.floor((tile - overlap) / unit) * unit;
  const views: { start: number; end: number }[] = [];
  for (let at = -(Math.floor(shift / unit) * unit) % step; ; at += step) {
    if (at + tile < size) {
      views.push({ start: Math.max(at, 0), end: at + tile });
      continue;
    }
    // The last view is moved back into the image: it is as large as the others.
    views.push({ start: Math.max(0, Math.ceil((size - tile) / unit) * unit), end: size });
    break;
  }
  const middle = (i: number): number => Math.floor((views[i].end + views[i + 1].start) / 2);
  return views.map(({ start, end }, i) => ({
    start,
    end,
    from: i === 0 ? 0 : middle(i - 1),
    to: i === views.length - 1 ? size : middle(i),
  }));
}
