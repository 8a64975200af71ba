import { DataError } from '../../core/errors';
import type { ChannelOrder, DatasetInfo } from '../dataset_info';
import { type Image, readImage, surveyRange } from '../formats/image';
import { type IntensityRange, TWELVE_BITS } from '../formats/intensity';
import type { ForeignDataset, ImportNotes } from './import_dataset';

/** What a person may ask of an import. */
export interface ImportSettings {
  /** Order of the channels in the source images. */
  readonly channelOrder?: ChannelOrder;
  /** A plane of stacks, from 1. */
  readonly plane?: number;
  /** Channels for red, green and blue, from 1. */
  readonly channels?: readonly number[];
  /** Class of cells that have none. Default: `cell`. */
  readonly className?: string;
  /** Label images: each connected piece is a cell. */
  readonly components?: boolean;
  /** Label images: each colour is a cell. */
  readonly byColour?: boolean;
  /** QuPath's cells: the outline of the nucleus in place of the cell's. */
  readonly nuclei?: boolean;
}

/** The settings that only some importers have. */
export type OwnSetting = 'className' | 'components' | 'byColour' | 'nuclei';

/** A kind of annotations: one entry in the list of `importers.ts`. */
export interface Importer {
  readonly name: string;
  /** What it reads, for the help. */
  readonly reads: string;
  /** What is named on the command line: one folder, or several things. */
  readonly sources: readonly string[];
  readonly settings: readonly OwnSetting[];
  open(
    sources: readonly string[],
    settings: ImportSettings,
    notes: ImportNotes,
  ): ForeignDataset | Promise<ForeignDataset>;
}

/** The class of cells that have none. */
export function classOf({ className = 'cell' }: ImportSettings): string {
  return className;
}

/** The images of an import: read with one range of values, what their files tell collected. */
export class SourceImages {
  private readonly sizes = new Map<number, string>();
  private range: Promise<IntensityRange | undefined> | undefined;
  private readonly deep = { dim: [] as string[], bright: [] as string[], float: 0 };

  constructor(
    private readonly files: readonly string[],
    private readonly settings: ImportSettings,
  ) {}

  async load(file: string, id: string, notes: ImportNotes): Promise<Image> {
    const { plane, channels } = this.settings;
    this.range ??= surveyRange(this.files, { plane, channels });
    const { width, height, data, depth, pixelSize, ...told } = await readImage(file, {
      plane,
      channels,
      range: await this.range,
    });
    for (const note of told.notes) notes.add(`image ${note}`, id);
    if (pixelSize && !this.sizes.has(pixelSize.value)) this.sizes.set(pixelSize.value, pixelSize.from);
    if (depth.float) this.deep.float++;
    if (depth.maximum !== undefined) this.deep[depth.maximum <= TWELVE_BITS ? 'dim' : 'bright'].push(id);
    return { width, height, data };
  }

  /** What the files say together: told in notes, the pixel size given where they agree with each other and with `known`. */
  async finish(notes: ImportNotes, known?: number): Promise<Pick<DatasetInfo, 'pixelSize'>> {
    const { dim, bright, float } = this.deep;
    if (dim.length > 0 && bright.length > 0)
      notes.add(
        `16-bit values: all images are scaled by 255 / 65535, as one at least exceeds ${TWELVE_BITS}; others do not`,
        `over: ${bright[0]}; not over: ${dim[0]}`,
      );
    const range = await this.range;
    if (float > 0 && range)
      notes.add(
        `floating-point values: ${range.low} to ${range.high} (percentiles 0.1 and 99.9 of the data set) became 0 to 255`,
        `${float} images`,
      );
    return pixelSizeOf(this.sizes, notes, known);
  }
}

function pixelSizeOf(
  sizes: ReadonlyMap<number, string>,
  notes: ImportNotes,
  known?: number,
): Pick<DatasetInfo, 'pixelSize'> {
  const values = [...sizes.keys()];
  const differs = (a: number, b: number): boolean => Math.abs(a / b - 1) > 0.01;
  if (known !== undefined) {
    const other = values.find((value) => differs(value, known));
    if (other !== undefined)
      notes.add(
        `image file says ${other} µm a pixel (${sizes.get(other)}), the annotations ${known}: ${known} is taken`,
        'dataset.json',
      );
    return { pixelSize: known };
  }
  if (values.length === 0) return {};
  if (values.some((value) => differs(value, values[0]))) {
    notes.add(
      `images of different pixel sizes (${values.slice(0, 4).join(', ')} µm): none is written down`,
      'dataset.json',
    );
    return {};
  }
  notes.add(`${values[0]} µm a pixel, as the image files say (${sizes.get(values[0])})`, 'dataset.json');
  return { pixelSize: values[0] };
}

/** Masks and their image must be of one size; where EXIF turned the image, the message says so. */
export function requireSameSize(
  where: string,
  size: { width: number; height: number },
  image: { width: number; height: number },
): void {
  if (size.width === image.width && size.height === image.height) return;
  const turned = size.width === image.height && size.height === image.width;
  throw new DataError(
    `is ${size.width} x ${size.height}, its image ${image.width} x ${image.height}${turned ? ' (turned upright by its EXIF orientation?)' : ''}`,
    {
      where,
      fix: turned
        ? 'Save the image without an EXIF orientation, as the masks were drawn on it.'
        : 'Export image and masks at the same size.',
    },
  );
}
