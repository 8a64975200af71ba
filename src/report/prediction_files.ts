import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import { writeFileAtomic, writeJson } from '../core/files';
import { OutputFolder } from '../core/output_folder';
import { writeDatasetInfo } from '../data/dataset_info';
import { type CocoResultEntry, cocoResults, cocoResultsJson } from '../data/exporters/coco';
import { cellFeatures, geoJson } from '../data/exporters/geojson';
import { roiZip } from '../data/exporters/imagej';
import { extractInstances } from '../data/extract_instances';
import { requireSafeId } from '../data/safe_name';
import { writeRecord } from '../data/write_dataset';
import type { Instances } from '../geometry/instances';
import { rleArea } from '../geometry/rle';
import { toLabelMaps } from '../inference/postprocess/overlaps';
import { contourColour, rgb } from '../plots/canvas';
import { type CellRow, cellColumns, cellLine, csvText, measureCells } from './cell_table';
import { drawOverlay, type TrueCells } from './images';
import { viewerHtml } from './viewer/viewer_page';

/** What predictions can be written as. */
export const PREDICTION_FORMATS = [
  'coco',
  'labels',
  'geojson',
  'imagej',
  'csv',
  'overlay',
  'viewer',
] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** Where label images are until the last one is written. */
const UNFINISHED = 'labels.unfinished';

/** One predicted image. */
export interface ImageToWrite {
  readonly id: string;
  readonly fileName: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], channels in `channelOrder`. */
  readonly image: Uint8Array;
  readonly channelOrder: 'rgb' | 'bgr';
  /** Micrometres a pixel, where known. */
  readonly pixelSize?: number;
  readonly instances: Instances;
  /** The true cells, where they are known: the viewer shows them. */
  readonly groundTruth?: TrueCells;
}

/**
 * Writes predictions image by image: `results.json` and `ids.json` (COCO results and the images they are of),
 * `labels/` (a data set), `geojson/ID.geojson` (QuPath), `imagej/ID_RoiSet.zip`, `cells.csv` and `images.csv`,
 * `overlays/ID.png`, `viewers/ID.html` (a page to look around in). Of an image that has been written only its codes and
 * lines of text are kept.
 */
export class PredictionWriter {
  private readonly results: CocoResultEntry[] = [];
  private readonly ids: { file_name: string; id: number; height: number; width: number }[] = [];
  private readonly cells: { id: string; rows: readonly CellRow[]; pixelSize: number | undefined }[] = [];
  private readonly counts: string[] = [];
  private channelOrder: 'rgb' | 'bgr' = 'rgb';
  private labelsBegun = false;
  /** Cells that a label image cannot hold, image by image. */
  private readonly covered: { id: string; instances: number; covered: number }[] = [];

  private readonly folder: OutputFolder;

  /** Takes away what an earlier prediction left in `dir`; any other file there is refused, unless `overwrite`. */
  constructor(
    dir: string,
    private readonly formats: readonly PredictionFormat[],
    private readonly classes: readonly string[],
    overwrite = false,
  ) {
    this.folder = new OutputFolder(dir, overwrite);
  }

  async add(predicted: ImageToWrite): Promise<void> {
    const { id, fileName, height, width, instances, pixelSize, channelOrder } = predicted;
    requireSafeId(id);
    const wants = (format: PredictionFormat): boolean => this.formats.includes(format);
    this.ids.push({ file_name: fileName, id: this.ids.length + 1, height, width });
    this.channelOrder = channelOrder;
    if (wants('coco')) this.results.push(...cocoResults(this.ids.length, instances));
    if (wants('labels')) this.writeLabels(predicted);
    const rows =
      wants('csv') || wants('geojson') ? measureCells(instances, predicted, this.classes, channelOrder) : [];
    if (wants('geojson')) this.writeGeoJson(id, instances, rows);
    if (wants('imagej'))
      writeFileAtomic(this.folder.file('imagej', `${id}_RoiSet.zip`), roiZip(instances, this.classes));
    if (wants('csv')) {
      this.cells.push({ id, rows, pixelSize });
      const counts = this.classes.map((name) => rows.filter((row) => row.class === name).length);
      this.counts.push([csvText(id), height, width, rows.length, ...counts].join(','));
    }
    if (wants('overlay'))
      writeFileAtomic(
        this.folder.file('overlays', `${id}.png`),
        await drawOverlay({ ...predicted, classes: this.classes }),
      );
    if (wants('viewer'))
      writeFileAtomic(
        this.folder.file('viewers', `${id}.html`),
        await viewerHtml({
          ...predicted,
          title: id,
          classes: this.classes,
          threshold: lowestScore(instances),
        }),
      );
  }

  /** What a reader of the files should know: cells that label images do not show. */
  notes(): string[] {
    return this.covered.map(
      ({ id, instances, covered }) =>
        `labels/${id}: ${covered} of ${instances} cells are wholly covered by others of a higher score and are in no label image (they are in the other files)`,
    );
  }

  /** Writes what is about all images. */
  finish(): void {
    const { folder, formats, classes } = this;
    if (formats.includes('coco')) {
      writeFileAtomic(folder.file('results.json'), cocoResultsJson(this.results));
      writeJson(folder.file('ids.json'), this.ids);
    }
    if (formats.includes('labels')) this.finishLabels();
    if (formats.includes('csv')) {
      const micrometres = this.cells.some(({ pixelSize }) => pixelSize !== undefined);
      const lines = this.cells.flatMap(({ id, rows, pixelSize }) =>
        rows.map((row) => cellLine(id, row, micrometres, pixelSize)),
      );
      writeFileAtomic(folder.file('cells.csv'), text([cellColumns(micrometres).join(','), ...lines]));
      const header = ['image', 'height', 'width', 'cells', ...classes.map(csvText)].join(',');
      writeFileAtomic(folder.file('images.csv'), text([header, ...this.counts]));
    }
  }

  private writeLabels({ id, height, width, image, instances }: ImageToWrite): void {
    const labelMaps = toLabelMaps(instances, this.classes.length);
    const shown = labelMaps.reduce(
      (sum, map) => sum + (map ? extractInstances(map, height, width, 1).values.length : 0),
      0,
    );
    const drawn = instances.masks.filter((mask) => rleArea(mask) > 0).length;
    if (shown < drawn) this.covered.push({ id, instances: drawn, covered: drawn - shown });
    const folder = path.join(this.folder.dir, UNFINISHED);
    this.labelsBegun = true;
    this.folder.file(UNFINISHED, id, 'image.tif');
    for (const [k, map] of labelMaps.entries())
      if (map) this.folder.file(UNFINISHED, id, `class${k + 1}.tif`);
    writeRecord(folder, { id, height, width, image, labelMaps, ignore: null });
  }

  /** Gives the label images their place: a data set that is there has all its images. */
  private finishLabels(): void {
    const { folder, classes } = this;
    const [from, to] = [path.join(folder.dir, UNFINISHED), path.join(folder.dir, 'labels')];
    // Beside the data set, which holds nothing but itself.
    if (this.covered.length > 0) writeJson(folder.file('labels-covered.json'), this.covered);
    fs.mkdirSync(to, { recursive: true });
    for (const id of this.labelsBegun ? fs.readdirSync(from) : []) {
      const [written, place] = [path.join(from, id), path.join(to, id)];
      if (fs.existsSync(place))
        throw new DataError('is there already, and is no label image of an earlier prediction', {
          where: place,
          fix: 'Name another --out.',
        });
      for (const name of fs.readdirSync(written)) folder.file('labels', id, name);
      fs.renameSync(written, place);
    }
    fs.rmSync(from, { recursive: true, force: true });
    folder.file('labels', 'dataset.json');
    writeDatasetInfo(to, { classes, channelOrder: this.channelOrder });
  }

  private writeGeoJson(id: string, instances: Instances, rows: readonly CellRow[]): void {
    const features = cellFeatures(instances, {
      image: id,
      classes: this.classes,
      colour: (label) => rgb(contourColour(label)),
      measurements: (row) => {
        const { area, perimeter, eccentricity, solidity } = rows[row];
        return { area, perimeter, eccentricity, solidity };
      },
    });
    writeFileAtomic(this.folder.file('geojson', `${id}.geojson`), geoJson(features));
  }
}

/** The score from which a page shows all cells that are in the other files, in hundredths. */
function lowestScore({ scores }: Instances): number {
  return Math.floor(Math.min(...scores, 0.5) * 100) / 100;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
