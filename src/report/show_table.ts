import type { DataFrame } from 'danfojs-node';
import { escapeXml } from '../plots/svg';

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
