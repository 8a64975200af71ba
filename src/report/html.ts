import type { Figure } from '../plots/figure';
import { escapeXml, figureToSvg } from '../plots/svg';
import { bundleScript, plotlyScript } from './bundle';

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2129; --soft: #596070; --line: #dde1e8; --paper: #fff; --sunk: #f4f5f8; --accent: #0b62a8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #a4acbb; --line: #333b49; --paper: #14171d; --sunk: #1e232c; --accent: #7cc0ff }
}
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--paper); max-width: 960px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { font-size: 1.9rem; margin: 0 0 .4rem; letter-spacing: -.01em; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; border-top: 1px solid var(--line); padding-top: 1.2rem; scroll-margin-top: .5rem }
a { color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
nav { margin: 1.2rem 0; padding: .7rem 1rem; background: var(--sunk); border-radius: 8px; font-size: .93rem; line-height: 1.9 }
nav a { margin-right: 1.1rem; white-space: nowrap }
.lead { font-size: 1.12rem }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 }
figure { margin: 1.2rem 0 }
figure img, .still svg { max-width: 100%; height: auto; border-radius: 4px }
figcaption, .small { color: var(--soft); font-size: .87rem }
pre { background: var(--sunk); padding: 1rem; overflow: auto; font-size: .8rem; line-height: 1.45 }
.controls { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; align-items: center; position: sticky; top: 0; z-index: 2; background: var(--paper); padding: .6rem 0 }
.controls p { margin: 0; flex-basis: 100%; font-variant-numeric: tabular-nums }
.controls input { width: 13rem; max-width: 100%; vertical-align: middle; margin-left: .6rem; accent-color: var(--accent) }
.controls output { display: inline-block; min-width: 2.4em; font-weight: 600; font-variant-numeric: tabular-nums }
select, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .2rem .5rem }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 1rem }
.images button { padding: .4rem; text-align: left; cursor: zoom-in; font-size: .84rem; overflow-wrap: anywhere }
.images canvas { display: block; width: 100%; height: auto; margin-bottom: .3rem; border-radius: 3px }
[data-single=true] .images { grid-template-columns: minmax(0, 640px) }
.legend .key { display: inline-block; width: 1.6rem; margin-right: .4rem; vertical-align: middle; background: #777; box-shadow: 0 0 0 3px #777 }
.legend .key:not(:first-child) { margin-left: 1.2rem }
dialog { max-width: 96vw; max-height: 96vh; background: var(--paper); color: var(--ink); border: 1px solid var(--line); border-radius: 8px }
dialog canvas { max-width: 100% }
dialog form { float: right }
.bare { padding: .2rem; max-width: none; font-size: 14px }
.openable tbody tr { cursor: pointer }
.openable tbody tr:hover, .openable tbody tr:focus-visible { background: var(--sunk) }
.openable th, .openable td { padding: .2rem .9rem .2rem 0; white-space: nowrap }
@media print { body { padding: 0; max-width: none } figure { break-inside: avoid } nav, .controls { display: none } }
`;

export interface PageOptions {
  /** Without heading, contents and margins: for a frame within another page. */
  readonly bare?: boolean;
}

/** A whole page in one file: its headings as a list of contents, its figures with hover and zoom. */
export function htmlPage(title: string, body: readonly string[], { bare = false }: PageOptions = {}): string {
  const { html, headings } = numberHeadings(body.join('\n'));
  const contents = headings.map(({ id, text }) => `<a href="#${id}">${text}</a>`).join(' ');
  const plotly = html.includes('<figure class="plot"') ? `<script>${plotlyScript()}</script>` : '';
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="generator" content="cytobench"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)} · Cytobench</title><style>${STYLE}</style></head>
<body${bare ? ' class="bare"' : ''}><main>${bare ? '' : `<h1>${escapeXml(title)}</h1>`}
${headings.length > 1 && !bare ? `<nav aria-label="contents">${contents}</nav>` : ''}
${html}
</main>${plotly}<script>${bundleScript('page')}</script></body>
</html>
`;
}

/** Gives every heading of the second level an id, so that the list of contents can lead there. */
function numberHeadings(body: string): {
  readonly html: string;
  readonly headings: readonly { readonly id: string; readonly text: string }[];
} {
  const headings: { id: string; text: string }[] = [];
  const html = body.replaceAll(/<h2>(.*?)<\/h2>/g, (_, text: string) => {
    const id = `section-${headings.length + 1}`;
    headings.push({ id, text });
    return `<h2 id="${id}">${text}</h2>`;
  });
  return { html, headings };
}

/** A table; an empty header row is left out. Cells are text. On a narrow screen it scrolls within itself. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.some(Boolean)
    ? `<thead><tr>${header.map((cell) => `<th scope="col">${escapeXml(cell)}</th>`).join('')}</tr></thead>`
    : '';
  const body = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${escapeXml(first)}</th>${rest.map((cell) => `<td>${escapeXml(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="wide" tabindex="0"><table>${head}<tbody>${body.join('')}</tbody></table></div>`;
}

/** A PNG within the page. */
export function picture(png: Buffer, caption: string): string {
  return `<figure><img alt="${escapeXml(caption)}" src="data:image/png;base64,${png.toString('base64')}"><figcaption>${escapeXml(caption)}</figcaption></figure>`;
}

/** A figure: an image at once and on paper, with hover, zoom and export where scripts run. */
export function figure(drawn: Figure): string {
  return `<figure class="plot" aria-label="${escapeXml(drawn.layout.title.text)}"><div class="still">${figureToSvg(drawn)}</div>${jsonScript(drawn)}</figure>`;
}

/** Data for the page's script; numbers to five places of worth, which is what a screen shows. */
export function jsonScript(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'number' && !Number.isInteger(item) ? Number(item.toPrecision(5)) : item,
  );
  return `<script type="application/json">${text.replaceAll('<', '\\u003c')}</script>`;
}
