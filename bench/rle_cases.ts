import { createRng } from '../src/core/rng';
import type { CropMask } from '../src/geometry/masks';
import {
  decodeRle,
  encodeCropMask,
  encodeMask,
  rleFromString,
  rleToCropMask,
  rleToString,
} from '../src/geometry/rle';
import { ellipseMask, randomCell } from './score_data';

const SIZE = 512;

/** Masks of one kind, with the codes that the peer starts from. */
export interface RleCase {
  readonly name: string;
  readonly codes: readonly { readonly size: readonly number[]; readonly counts: string }[];
  readonly encode: (i: number) => unknown;
  readonly decode: (i: number) => unknown;
}

/**
 * Cells cropped to their boxes (the peer gets each as an image of that size: the least it can be asked), whole masks
 * of a cell of 12 to 40 px and of 200 to 400 px.
 */
export function makeRleCases(): RleCase[] {
  const rng = createRng('rle cases');
  const cells = Array.from({ length: 400 }, () =>
    encodeCropMask(ellipseMask(randomCell(rng, SIZE)), SIZE, SIZE),
  );
  const crops = cells.map(rleToCropMask);
  const large = Array.from({ length: 40 }, () => {
    const cell = {
      x: 256,
      y: 256,
      rx: rng.uniform(100, 200),
      ry: rng.uniform(100, 200),
      angle: rng.uniform(0, 3),
    };
    return decodeRle(encodeCropMask(ellipseMask(cell), SIZE, SIZE));
  });
  return [
    cropCase(crops),
    wholeCase('512 x 512, a cell', cells.slice(0, 100).map(decodeRle)),
    wholeCase('512 x 512, a large cell', large),
  ];
}

function cropCase(crops: readonly CropMask[]): RleCase {
  const whole = crops.map((crop) => rleToString(encodeCropMask(crop, SIZE, SIZE)));
  return {
    name: 'cropped cells',
    codes: crops.map(({ width, height, data }) => ({
      size: [height, width],
      counts: rleToString(encodeMask(data, height, width)),
    })),
    encode: (i) => rleToString(encodeCropMask(crops[i], SIZE, SIZE)),
    decode: (i) => rleToCropMask(rleFromString(whole[i], [SIZE, SIZE])),
  };
}

function wholeCase(name: string, masks: readonly Uint8Array[]): RleCase {
  const codes = masks.map((mask) => ({
    size: [SIZE, SIZE],
    counts: rleToString(encodeMask(mask, SIZE, SIZE)),
  }));
  return {
    name,
    codes,
    encode: (i) => rleToString(encodeMask(masks[i], SIZE, SIZE)),
    decode: (i) => decodeRle(rleFromString(codes[i].counts, [SIZE, SIZE])),
  };
}

/** Seconds a mask: the shortest of several passes, as for the peer. */
export function timeRleCases(
  cases: readonly RleCase[],
  repeats = 7,
): { name: string; encode: number; decode: number }[] {
  return cases.map(({ name, codes, encode, decode }) => {
    const best = (work: (i: number) => unknown): number => {
      let least = Infinity;
      for (let r = 0; r < repeats; r++) {
        const start = performance.now();
        for (let i = 0; i < codes.length; i++) work(i);
        least = Math.min(least, performance.now() - start);
      }
      return least / codes.length / 1000;
    };
    return { name, encode: best(encode), decode: best(decode) };
  });
}
