import type { DataFrame } from 'danfojs-node';
import type { PredictedImage } from '../inference/predict_image';
import type { Figure } from '../plots/figure';
import { escapeXml, figureToSvg, svgToPng } from '../plots/svg';
import { type DrawOptions, drawOverlay } from '../report/images';

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

const MOST_ROWS = 40;

/** Shows a DataFrame in a notebook as a table: numbers to three places, the first rows of a long one. */
export function showTable(data: DataFrame, most: number = MOST_ROWS): void {
  const { display } = require('tslab') as { display: { html(text: string): void } };
  display.html(tableHtml(data, most));
}

/** The same as HTML text. */
export function tableHtml(data: DataFrame, most: number = MOST_ROWS): string {
  const values = data.values as readonly (readonly unknown[])[];
  const head = data.columns.map((name) => `<th scope="col">${escapeXml(String(name))}</th>`).join('');
  const body = values
    .slice(0, most)
    .map((row) => `<tr>${row.map((value) => `<td>${escapeXml(format(value))}</td>`).join('')}</tr>`);
  const left = values.length > most ? `<p>${values.length - most} more rows</p>` : '';
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>${left}`;
}

function format(value: unknown): string {
  if (typeof value !== 'number') return String(value);
  if (Number.isNaN(value)) return '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 0.001 ? 5 : 3);
}
