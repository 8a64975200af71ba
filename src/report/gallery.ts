import sharp from 'sharp';
import type { Evaluation } from '../evaluation/evaluate';
import { traceContours } from '../geometry/contour';
import type { CropMask } from '../geometry/masks';
import { sortByScore } from '../geometry/nms';
import { rleToCropMask } from '../geometry/rle';
import { canvasOf, contourColour } from '../plots/canvas';
import { escapeXml } from '../plots/svg';
import type { GalleryData, GalleryImage, GalleryShape } from './gallery_data';
import { jsonScript } from './html';
import { coveredCells, drawingThreshold } from './images';

/** Longest side of a picture, pixels. */
const LONGEST_SIDE = 480;
/** Corners that an outline keeps. */
const CORNERS = 28;
/** Cells under this score are left out: the slider begins here. */
const LEAST_SCORE = 0.1;

export type Shown = Pick<Evaluation, 'set' | 'predictions' | 'dataset' | 'about'>;

/**
 * All images of an evaluation with a slider for the threshold, sorted by what went wrong: part of a page. Only `ids` where
 * they are given.
 */
export async function gallerySection(evaluation: Shown, ids?: readonly string[]): Promise<string> {
  const data = await packGallery(evaluation, ids);
  const one = data.images.length === 1;
  return `<div class="gallery" data-single="${one}">
<div class="controls">
<label class="slider">score at least <output></output><input type="range" min="${LEAST_SCORE}" max="0.99" step="0.01" value="${data.threshold}"></label>
<label${one ? ' hidden' : ''}>sorted by <select>
<option value="f1">lowest F1</option><option value="missed">most missed</option><option value="false">most false positives</option><option value="best">highest F1</option><option value="name">name</option>
</select></label>
<p class="scores" role="status"></p>
</div>
<p class="legend small"></p>
<div class="images"></div>
<dialog aria-label="one image"><form method="dialog"><button>close</button></form></dialog>
${jsonScript(data)}
</div>`;
}

/** A table whose rows open the image that they are about, and the cell where they name one. */
export interface OpenableTable {
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly cells: readonly string[];
    readonly image: string;
    /** Row of the ground truth of that image; null: the whole image. */
    readonly cell: number | null;
  }[];
}

/** The table, with what its rows open: part of a page. */
export async function openableTable({ columns, rows }: OpenableTable, evaluation: Shown): Promise<string> {
  const data = await packGallery(
    evaluation,
    rows.map(({ image }) => image),
  );
  const head = columns.map((name) => `<th scope="col">${escapeXml(name)}</th>`).join('');
  const body = rows.map(({ cells, image, cell }) => {
    const shown = cells.map((text) => `<td>${escapeXml(text)}</td>`).join('');
    return `<tr tabindex="0" data-image="${escapeXml(image)}" data-cell="${cell ?? ''}">${shown}</tr>`;
  });
  return `<div class="openable"><p class="small">a row opens its ${rows.some(({ cell }) => cell !== null) ? 'cell' : 'image'}</p>
<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>
<dialog aria-label="one image"><form method="dialog"><button>close</button></form></dialog>
${jsonScript(data)}
</div>`;
}

async function packGallery(evaluation: Shown, ids?: readonly string[]): Promise<GalleryData> {
  const { set, about } = evaluation;
  const wanted = [...set.samples.keys()].filter((i) => !ids || ids.includes(set.samples[i].id));
  const images: GalleryImage[] = [];
  for (const i of wanted) images.push(await packImage(evaluation, i));
  return {
    classes: about.classes.map((name, k) => ({ name, colour: contourColour(k + 1) })),
    threshold: drawingThreshold(evaluation),
    images,
  };
}

async function packImage({ set, predictions, dataset }: Shown, i: number): Promise<GalleryImage> {
  const sample = set.samples[i];
  const instances = predictions[i];
  const scale = Math.min(1, LONGEST_SIDE / Math.max(sample.width, sample.height));
  const width = Math.max(1, Math.round(sample.width * scale));
  const height = Math.max(1, Math.round(sample.height * scale));
  const { data } = canvasOf(sample, dataset.channelOrder, 1);
  const raw = { width: sample.width, height: sample.height, channels: 3 as const };
  const picture = await sharp(data, { raw })
    .resize(width, height)
    .webp({ quality: 78, effort: 2 })
    .toBuffer();
  const covered = coveredCells(instances, sample);
  const shape = (mask: CropMask, label: number): GalleryShape => ({ label, outline: outlineOf(mask, scale) });
  const rows = Array.from(sortByScore(instances.scores)).filter(
    (row) => instances.scores[row] >= LEAST_SCORE,
  );
  return {
    id: sample.id,
    width,
    height,
    picture: `data:image/webp;base64,${picture.toString('base64')}`,
    cells: rows.map((row) => ({
      ...shape(rleToCropMask(instances.masks[row]), instances.labels[row]),
      score: Number(instances.scores[row].toFixed(3)),
      match: covered[row],
    })),
    groundTruth: sample.masks.map((mask, t) => shape(mask, sample.labels[t])),
  };
}

/** The longest outline of a mask, thinned to what a small picture shows. */
function outlineOf(mask: CropMask, scale: number): number[] {
  const [first, ...others] = traceContours(mask).map(({ points }) => points);
  if (!first) return [];
  const points = others.reduce((longest, own) => (own.length > longest.length ? own : longest), first);
  const corners = points.length / 2;
  const kept = Math.min(CORNERS, corners);
  return Array.from({ length: kept }, (_, k) => 2 * Math.floor((k * corners) / kept)).flatMap((at) => [
    Math.round(2 * scale * points[at]),
    Math.round(2 * scale * points[at + 1]),
  ]);
}
