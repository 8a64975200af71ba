import type { ChannelOrder } from './dataset_info';
import type { DatasetRecord } from './record';

/** Fewer stained pixels in all than this tell nothing. */
const ENOUGH = 3000;
/** One image against the others must show more: a few eosinophilic cells can look blue-less in any order. */
const ENOUGH_ALONE = 10_000;
/** Third channel over first from which the order looks turned. */
const SWAPPED = 1.2;

/** Optical density of a grey level on a white ground. */
const DENSITY = Float64Array.from({ length: 256 }, (_, value) => -Math.log10((value + 1) / 256));

/** Absorption inside cells: sums of the three channels over the stained pixels. */
interface Absorption {
  readonly sums: Float64Array;
  readonly pixels: number;
}

/**
 * Tells whether red and blue look swapped in haematoxylin-eosin images. Haematoxylin absorbs red far more than blue
 * (optical densities 0.65, 0.70, 0.29; Ruifrok and Johnston 2001): inside the cells of RGB images the third channel
 * absorbs 0.4 to 0.9 of the first, in the HW3 sample (BGR) 1.5 times. Only where green absorbs most (else the stain is
 * another), and only over enough pixels: five neutrophils of MoNuSAC, in RGB, give 1.5 as well.
 */
export class ColourOrder {
  private readonly total = new Float64Array(3);
  private pixels = 0;
  private readonly suspects: string[] = [];

  constructor(private readonly declared: ChannelOrder) {}

  /** Takes one image with its cells; `name` is given back if it stands out alone. */
  add(record: Pick<DatasetRecord, 'image' | 'labelMaps'>, name: string): void {
    const own = absorption(record);
    for (let c = 0; c < 3; c++) this.total[c] += own.sums[c];
    this.pixels += own.pixels;
    if (this.looksSwapped(own, ENOUGH_ALONE)) this.suspects.push(name);
  }

  /** `all`: the whole data set looks swapped; else the images that do. */
  verdict(): { readonly all: boolean; readonly images: readonly string[] } {
    const all = this.looksSwapped({ sums: this.total, pixels: this.pixels }, ENOUGH);
    return { all, images: all ? [] : this.suspects };
  }

  private looksSwapped({ sums, pixels }: Absorption, enough: number): boolean {
    const [first, green, third] = sums;
    if (pixels < enough || green < Math.max(first, third)) return false;
    const ratio = third / Math.max(first, 1e-6);
    return this.declared === 'rgb' ? ratio > SWAPPED : ratio < 1 / SWAPPED;
  }
}

function absorption({ image, labelMaps }: Pick<DatasetRecord, 'image' | 'labelMaps'>): Absorption {
  const sums = new Float64Array(3);
  let pixels = 0;
  for (let p = 0; p < image.length / 3; p++) {
    if (!labelMaps.some((map) => map !== null && map[p] !== 0)) continue;
    const first = DENSITY[image[3 * p]];
    const green = DENSITY[image[3 * p + 1]];
    const third = DENSITY[image[3 * p + 2]];
    if (first + green + third < 0.3) continue;
    sums[0] += first;
    sums[1] += green;
    sums[2] += third;
    pixels++;
  }
  return { sums, pixels };
}
