import type { ChannelOrder } from './dataset_info';
import type { DatasetRecord } from './record';

/** Stained pixels in all under which nothing is said. */
const ENOUGH = 1000;
/** An image on its own must show more, and more clearly, against what the others say. */
const ENOUGH_ALONE = 3000;
const CLEAR_ALONE = Math.log(1.3);
const FEWEST_OTHERS = 4;
/** From this on the order looks turned. */
const CLEAR = Math.log(1.05);
/** Third channel over first inside cells from which the order looks turned, where there is no tissue around them. */
const SWAPPED = Math.log(1.2);

/** Optical density of a grey level on a white ground. */
const DENSITY = Float64Array.from({ length: 256 }, (_, value) => -Math.log10((value + 1) / 256));

/** What one image says: over 0 the channels look turned, under it they look as declared. */
interface Vote {
  readonly name: string;
  readonly value: number;
  readonly pixels: number;
}

/**
 * Tells whether red and blue look swapped in haematoxylin-eosin images. Haematoxylin absorbs red far more than blue
 * (optical densities 0.65, 0.70, 0.29; Ruifrok and Johnston 2001) and is in the nuclei, eosin is around them: third
 * channel over first is lower inside the cells than outside in RGB images (0.6 to 0.8 of it in CoNSeP), and higher in
 * BGR (1.1 to 2.4 times in 56 of 57 images of MoNuSAC kept in that order). Dyes and scanners cancel out in that
 * comparison, so that few cells are enough. Only where green absorbs most: else the stain is another.
 */
export class ColourOrder {
  private readonly votes: Vote[] = [];

  constructor(private readonly declared: ChannelOrder) {}

  /** Takes one image with its cells; `name` is given back if it stands out alone. */
  add(record: Pick<DatasetRecord, 'image' | 'labelMaps'>, name: string): void {
    const { cells, around } = absorption(record);
    const [first, green, third] = cells.sums;
    if (cells.pixels < 100 || green < 0.9 * Math.max(first, third)) return;
    const inside = Math.log(third / Math.max(first, 1e-6));
    const outside = Math.log(around.sums[2] / Math.max(around.sums[0], 1e-6));
    // Without tissue around the cells they are judged by themselves, on a coarser scale.
    const value = around.pixels >= 100 ? inside - outside : inside * (CLEAR / SWAPPED);
    if (Number.isFinite(value))
      this.votes.push({ name, value: this.declared === 'rgb' ? value : -value, pixels: cells.pixels });
  }

  /** `all`: the whole data set looks swapped; else the images that stand out from a set that does not. */
  verdict(): { readonly all: boolean; readonly images: readonly string[] } {
    const pixels = this.votes.reduce((sum, vote) => sum + vote.pixels, 0);
    if (pixels < ENOUGH) return { all: false, images: [] };
    const mean = this.mean(this.votes);
    if (mean > CLEAR) return { all: true, images: [] };
    const images = this.votes.filter((vote) => {
      const others = this.votes.filter((other) => other !== vote);
      const alone = vote.value > CLEAR_ALONE && vote.pixels >= ENOUGH_ALONE;
      return alone && others.length >= FEWEST_OTHERS && this.mean(others) < -CLEAR;
    });
    return { all: false, images: images.map(({ name }) => name) };
  }

  /** Weighted by the root of the pixels: one large image does not decide for all. */
  private mean(votes: readonly Vote[]): number {
    let [sum, weights] = [0, 0];
    for (const { value, pixels } of votes) {
      sum += value * Math.sqrt(pixels);
      weights += Math.sqrt(pixels);
    }
    return sum / Math.max(weights, 1e-9);
  }
}

/** Absorption: sums of the three channels over stained pixels. */
interface Absorption {
  readonly sums: Float64Array;
  pixels: number;
}

function absorption({ image, labelMaps }: Pick<DatasetRecord, 'image' | 'labelMaps'>): {
  cells: Absorption;
  around: Absorption;
} {
  const cells: Absorption = { sums: new Float64Array(3), pixels: 0 };
  const around: Absorption = { sums: new Float64Array(3), pixels: 0 };
  const maps = labelMaps.filter((map): map is NonNullable<typeof map> => map !== null);
  for (let p = 0; p < image.length / 3; p++) {
    const first = DENSITY[image[3 * p]];
    const green = DENSITY[image[3 * p + 1]];
    const third = DENSITY[image[3 * p + 2]];
    const isCell = maps.some((map) => map[p] !== 0);
    if (first + green + third < (isCell ? 0.3 : 0.15)) continue;
    const part = isCell ? cells : around;
    part.sums[0] += first;
    part.sums[1] += green;
    part.sums[2] += third;
    part.pixels++;
  }
  return { cells, around };
}
