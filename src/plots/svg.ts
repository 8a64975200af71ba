import type { Figure, Trace } from './figure';

const MARGIN = { left: 64, right: 24, top: 44, bottom: 52 };
const LEGEND_ROW = 20;

/** A figure as SVG text, without a browser: lines, markers, axes, legend. */
export function figureToSvg({ data, layout }: Figure): string {
  const width = layout.width ?? 760;
  const height = (layout.height ?? 420) + Math.ceil(legendEntries(data).length / 3) * LEGEND_ROW;
  const bottom = height - MARGIN.bottom - Math.ceil(legendEntries(data).length / 3) * LEGEND_ROW;
  const x = scale(layout.xaxis.range ?? extent(data.flatMap((t) => t.x)), MARGIN.left, width - MARGIN.right);
  const y = scale(layout.yaxis.range ?? padded(extent(data.flatMap((t) => t.y))), bottom, MARGIN.top);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(MARGIN.left, 24, layout.title.text, 'start', 'font-size="15" font-weight="bold"'),
    ...ticks(y.domain).map(
      (tick) =>
        `<line x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${y.at(tick)}" y2="${y.at(tick)}" stroke="#e4e4e4"/>${text(MARGIN.left - 8, y.at(tick) + 4, label(tick), 'end')}`,
    ),
    ...ticks(x.domain).map(
      (tick) =>
        `<line x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${bottom}" y2="${bottom + 5}" stroke="#888"/>${text(x.at(tick), bottom + 18, label(tick), 'middle')}`,
    ),
    `<line x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${bottom}" y2="${bottom}" stroke="#888"/>`,
    text((MARGIN.left + width - MARGIN.right) / 2, bottom + 38, layout.xaxis.title.text, 'middle'),
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(layout.yaxis.title.text)}</text>`,
    `<clipPath id="plot"><rect x="${MARGIN.left}" y="${MARGIN.top}" width="${width - MARGIN.left - MARGIN.right}" height="${bottom - MARGIN.top}"/></clipPath>`,
    `<g clip-path="url(#plot)">${data.map((trace) => drawTrace(trace, x, y)).join('')}</g>`,
    ...legend(data, bottom + 50, width),
    '</svg>',
  ];
  return parts.join('\n');
}

interface Scale {
  readonly domain: readonly [number, number];
  at(value: number): number;
}

function scale(domain: readonly [number, number], from: number, to: number): Scale {
  const span = domain[1] - domain[0] || 1;
  return { domain, at: (value) => round(from + ((value - domain[0]) / span) * (to - from)) };
}

function extent(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return [0, 1];
  return finite.reduce<[number, number]>(
    ([low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [finite[0], finite[0]],
  );
}

function padded([low, high]: readonly [number, number]): [number, number] {
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Four to eight round numbers within the domain. */
function ticks([low, high]: readonly [number, number]): number[] {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++)
    out.push(Number((i * step).toPrecision(12)));
  return out;
}

function drawTrace(trace: Trace, x: Scale, y: Scale): string {
  const points = trace.x
    .map((value, i) => [value, trace.y[i]])
    .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b))
    .map(([a, b]) => `${x.at(a)},${y.at(b)}`);
  const opacity = trace.opacity === undefined ? '' : ` opacity="${trace.opacity}"`;
  const dash =
    trace.line?.dash === 'dash'
      ? ' stroke-dasharray="6 4"'
      : trace.line?.dash === 'dot'
        ? ' stroke-dasharray="2 3"'
        : '';
  const line = trace.mode.includes('lines')
    ? `<polyline points="${points.join(' ')}" fill="none" stroke="${trace.line?.color ?? '#000'}" stroke-width="${trace.line?.width ?? 2}" stroke-linejoin="round"${dash}/>`
    : '';
  const size = (trace.marker?.size ?? 7) / 2;
  const markers = trace.mode.includes('markers')
    ? points
        .map(
          (p) =>
            `<circle cx="${p.split(',')[0]}" cy="${p.split(',')[1]}" r="${size}" fill="${trace.marker?.color ?? trace.line?.color ?? '#000'}"/>`,
        )
        .join('')
    : '';
  return `<g${opacity}>${line}${markers}</g>`;
}

const legendEntries = (data: readonly Trace[]): Trace[] => data.filter((trace) => trace.showlegend !== false);

function legend(data: readonly Trace[], top: number, width: number): string[] {
  const column = (width - MARGIN.left - MARGIN.right) / 3;
  return legendEntries(data).map((trace, i) => {
    const x = MARGIN.left + (i % 3) * column;
    const y = top + Math.floor(i / 3) * LEGEND_ROW;
    const colour = trace.line?.color ?? trace.marker?.color ?? '#000';
    const key =
      trace.mode === 'markers'
        ? `<circle cx="${x + 10}" cy="${y - 4}" r="4" fill="${colour}"/>`
        : `<line x1="${x}" x2="${x + 20}" y1="${y - 4}" y2="${y - 4}" stroke="${colour}" stroke-width="3"/>`;
    return `${key}${text(x + 28, y, trace.name, 'start')}`;
  });
}

function text(
  x: number,
  y: number,
  content: string,
  anchor: 'start' | 'middle' | 'end',
  attributes = '',
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" ${attributes}>${escapeXml(content)}</text>`;
}

const label = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(0) : String(value);
const round = (value: number): number => Math.round(value * 10) / 10;

export function escapeXml(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
