import type { DataFrame } from 'danfojs-node';
import { DataError, nearestName } from '../core/errors';
import type { Evaluation } from '../evaluation/evaluate';
import type { PredictedImage } from '../inference/predict_image';
import { accuracyFigure, lossFigure } from '../plots/curves';
import type { Figure } from '../plots/figure';
import { escapeXml, figureToSvg, svgToPng } from '../plots/svg';
import { gallerySection, openableTable } from '../report/gallery';
import { htmlPage } from '../report/html';
import { type DrawOptions, drawOverlay, worstAndBest } from '../report/images';
import { evaluatedViewer } from '../report/viewer/evaluated_viewer';
import { viewerFrame } from '../report/viewer/viewer_page';
import { nameOf, type Study } from '../studies/study';

interface Display {
  raw(mimeType: string, data: unknown): void;
  png(data: Uint8Array): void;
  html(data: string): void;
}

/** The kernel's display; outside a notebook there is none. */
function display(): Display {
  return (require('tslab') as { display: Display }).display;
}

/** Shows a Plotly figure in a notebook: interactive where the viewer can, with a static image beside it. */
export function showFigure(figure: Figure): void {
  display().raw('application/vnd.plotly.v1+json', figure);
  display().html(`<details><summary>as a static image</summary>${figureToSvg(figure)}</details>`);
}

/** Shows a Plotly figure as an image alone. */
export function showStatic(figure: Figure): void {
  display().png(svgToPng(figureToSvg(figure), 1.5));
}

/** Shows HTML text in a notebook. */
export function showHtml(html: string): void {
  display().html(html);
}

/** Shows PNG bytes in a notebook. */
export function showPng(png: Uint8Array): void {
  display().png(png);
}

/** Shows the cells found in one image (`predict`), in the colours of their classes. */
export async function showOverlay(predicted: PredictedImage, options: DrawOptions = {}): Promise<void> {
  showPng(await drawOverlay(predicted, options));
}

/**
 * Shows one image of an evaluation to zoom into, with its cells and the true ones: classes, threshold, each cell's numbers.
 * @param id of the image. Default: the one of the lowest F1.
 */
export async function showViewer(
  evaluation: Evaluation,
  id?: string,
  { threshold }: { readonly threshold?: number } = {},
): Promise<void> {
  const i = id === undefined ? worstAndBest(evaluation).worst : indexOfImage(evaluation, id);
  showHtml(await evaluatedViewer(evaluation, i, evaluation.set.samples[i].id, threshold));
}

/**
 * Shows the images of an evaluation with a slider for the score threshold, which redraws the cells and their precision,
 * recall and F1 at once, sorted by what went wrong. @param ids of the images. Default: all.
 */
export async function showGallery(evaluation: Evaluation, ids?: readonly string[]): Promise<void> {
  for (const id of ids ?? []) indexOfImage(evaluation, id);
  showPage('images', await gallerySection(evaluation, ids), ids?.length === 1 ? 780 : 640);
}

/** Losses, and AP50 where it was scored more than once, of every run of a study that has its own. */
export function showCurves(study: Study): void {
  for (const { steps, validations, every, ...run } of study.findings.curves) {
    const means = every > 1 ? `, means of ${every} steps` : '';
    showFigure(lossFigure(steps, validations, `Losses of ${nameOf(run)}${means}`));
    if (validations.length > 1) showFigure(accuracyFigure(validations, `AP50 of ${nameOf(run)}`));
  }
}

function showPage(title: string, section: string, height: number): void {
  showHtml(viewerFrame(htmlPage(title, [section], { bare: true }), title, height));
}

const MOST_ROWS = 40;

export interface TableOptions {
  /** Rows at most. Default 40. */
  readonly most?: number;
  /** The evaluation that the table is of: a click on a row opens its image, and its cell where the table has one. */
  readonly of?: Evaluation;
}

/** Shows a DataFrame in a notebook as a table: numbers to three places, the first rows of a long one. */
export async function showTable(data: DataFrame, { most = MOST_ROWS, of }: TableOptions = {}): Promise<void> {
  if (of && data.columns.includes('image')) return await showOpenable(data, of, most);
  showHtml(tableHtml(data, most));
}

async function showOpenable(data: DataFrame, evaluation: Evaluation, most: number): Promise<void> {
  const columns = data.columns.map(String);
  const [image, cell] = ['image', 'cell'].map((name) => columns.indexOf(name));
  const rows = (data.values as readonly (readonly unknown[])[]).slice(0, most).map((values) => ({
    cells: values.map(format),
    image: String(values[image]),
    cell: cell < 0 ? null : Number(values[cell]),
  }));
  showPage(
    'table',
    await openableTable({ columns, rows }, evaluation),
    Math.min(620, 110 + 30 * rows.length),
  );
}

function indexOfImage({ set }: Evaluation, id: string): number {
  const ids = set.samples.map((sample) => sample.id);
  if (ids.includes(id)) return ids.indexOf(id);
  const near = nearestName(id, ids);
  throw new DataError(`no image "${id}" was evaluated${near ? `; did you mean "${near}"?` : ''}`);
}

/** The same as HTML text. */
export function tableHtml(data: DataFrame, most: number = MOST_ROWS): string {
  if (data.columns.length === 0) return '<p>an empty table</p>';
  const values = data.values as readonly (readonly unknown[])[];
  const head = data.columns.map((name) => `<th scope="col">${escapeXml(String(name))}</th>`).join('');
  const body = values
    .slice(0, most)
    .map((row) => `<tr>${row.map((value) => `<td>${escapeXml(format(value))}</td>`).join('')}</tr>`);
  const left = values.length > most ? `<p>${values.length - most} more rows</p>` : '';
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>${left}`;
}

function format(value: unknown): string {
  if (value === true) return 'yes';
  if (value === false) return 'no';
  if (typeof value !== 'number') return String(value);
  if (Number.isNaN(value)) return '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 0.001 ? 5 : 3);
}
