import { escapeXml } from '../plots/svg';

const STYLE = `
:root { color-scheme: light; --ink: #1d2129; --soft: #667; --line: #dde1e8; }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: #fff; max-width: 960px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { font-size: 1.9rem; margin: 0 0 .4rem; letter-spacing: -.01em }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; border-top: 1px solid var(--line); padding-top: 1.2rem }
.lead { font-size: 1.12rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 }
figure { margin: 1.2rem 0 }
figure img, figure svg { max-width: 100%; height: auto; border-radius: 4px }
figcaption, .small { color: var(--soft); font-size: .87rem }
pre { background: #f5f6f8; padding: 1rem; overflow: auto; font-size: .8rem; line-height: 1.45 }
@media print { body { padding: 0; max-width: none } figure { break-inside: avoid } }
`;

/** A whole page in one file. */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="generator" content="cytobench"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)} · Cytobench</title><style>${STYLE}</style></head>
<body><main><h1>${escapeXml(title)}</h1>
${body.join('\n')}
</main></body></html>
`;
}

/** A table; an empty header row is left out. Cells are text. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.some(Boolean)
    ? `<thead><tr>${header.map((cell) => `<th scope="col">${escapeXml(cell)}</th>`).join('')}</tr></thead>`
    : '';
  const body = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${escapeXml(first)}</th>${rest.map((cell) => `<td>${escapeXml(cell)}</td>`).join('')}</tr>`,
  );
  return `<table>${head}<tbody>${body.join('')}</tbody></table>`;
}

/** A PNG within the page. */
export function picture(png: Buffer, caption: string): string {
  return `<figure><img alt="${escapeXml(caption)}" src="data:image/png;base64,${png.toString('base64')}"><figcaption>${escapeXml(caption)}</figcaption></figure>`;
}
