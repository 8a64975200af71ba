import type { Dataset } from '../src/data/dataset';
import type { LabelMap } from '../src/data/formats/label_map';
import type { DatasetRecord } from '../src/data/record';

/**
 * One image from the pieces NAME_r0c0, NAME_r0c1, NAME_r1c0, NAME_r1c1 of equal size that it was cut into. A cell cut
 * in two becomes one again: of the numbers on both sides of a cut, each pair that shares the most of either's edge.
 */
export async function joinTiles(dataset: Dataset, name: string): Promise<DatasetRecord> {
  const pieces = await Promise.all(
    ['r0c0', 'r0c1', 'r1c0', 'r1c1'].map((part) => dataset.load(`${name}_${part}`)),
  );
  const [{ height: h, width: w }] = pieces;
  const [height, width] = [2 * h, 2 * w];
  const image = new Uint8Array(height * width * 3);
  const place = <T extends { set(from: T, at: number): void; subarray(from: number, to: number): T }>(
    from: T,
    to: T,
    piece: number,
    channels: number,
  ): void => {
    const [top, left] = [piece < 2 ? 0 : h, piece % 2 === 0 ? 0 : w];
    for (let y = 0; y < h; y++)
      to.set(from.subarray(y * w * channels, (y + 1) * w * channels), ((top + y) * width + left) * channels);
  };
  pieces.forEach((piece, i) => {
    place(piece.image, image, i, 3);
  });
  const labelMaps = dataset.classes.map((_, c) => {
    const map = new Int32Array(height * width);
    let last = 0;
    pieces.forEach((piece, i) => {
      const own = piece.labelMaps[c];
      if (!own) return;
      const moved = Int32Array.from(own, (value: number) => (value > 0 ? value + last : 0));
      last = moved.reduce((most, value) => Math.max(most, value), last);
      place(moved, map, i, 1);
    });
    return rejoin(map, height, width);
  });
  return { id: name, height, width, image, labelMaps, ignore: null };
}

function rejoin(map: Int32Array, height: number, width: number): LabelMap {
  const along = new Map<string, number>();
  const meet = (a: number, b: number): void => {
    if (a > 0 && b > 0) along.set(`${a} ${b}`, (along.get(`${a} ${b}`) ?? 0) + 1);
  };
  const [x, y] = [width / 2, height / 2];
  for (let row = 0; row < height; row++) meet(map[row * width + x - 1], map[row * width + x]);
  for (let column = 0; column < width; column++) meet(map[(y - 1) * width + column], map[y * width + column]);
  const best = new Map<number, [number, number]>();
  const pairs = [...along].map(([key, n]) => [...key.split(' ').map(Number), n] as [number, number, number]);
  for (const [a, b, n] of pairs)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ])
      if (n > (best.get(from)?.[1] ?? 0)) best.set(from, [to, n]);
  const root = new Map<number, number>();
  const rootOf = (value: number): number => {
    const next = root.get(value);
    return next === undefined ? value : rootOf(next);
  };
  for (const [a, b] of pairs)
    if (best.get(a)?.[0] === b && best.get(b)?.[0] === a && rootOf(a) !== rootOf(b))
      root.set(rootOf(b), rootOf(a));
  return map.map(rootOf);
}
