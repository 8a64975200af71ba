import type { Figure } from './figure';
import { svgToPng } from './png';
import { figureToSvg } from './svg';

interface Display {
  raw(mimeType: string, data: unknown): void;
  png(data: Uint8Array): void;
  html(data: string): void;
}

/** The kernel's display; outside a notebook there is none. */
function display(): Display {
  return (require('tslab') as { display: Display }).display;
}

/** Shows a Plotly figure in a notebook: interactive where the viewer can, with a static picture beside it. */
export function showFigure(figure: Figure): void {
  display().raw('application/vnd.plotly.v1+json', figure);
  display().html(`<details><summary>as a picture</summary>${figureToSvg(figure)}</details>`);
}

/** Shows a Plotly figure as a picture alone. */
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
