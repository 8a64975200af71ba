import { Resvg } from '@resvg/resvg-js';
import { fnv1a32 } from '../core/rng';
import { rgb } from './canvas';
import type { Axis, BarTrace, Figure, HeatmapTrace, ScatterTrace, Trace, Values } from './figure';

/** Where values of an axis are in the image. */
export interface Scale {
  /** Values that get a mark, and what stands there. */
  readonly marks: readonly { readonly at: number; readonly label: string }[];
  /** Room of one name of a categorical axis; of numbers, the whole axis over their count. */
  readonly band: number;
  at(value: number | string): number;
}

/** A scale over all values of an axis: of names where there is one, else of numbers. */
export function scaleOf(
  values: Values,
  from: number,
  to: number,
  options: {
    readonly range?: readonly [number, number];
    readonly names?: readonly string[];
    readonly pad?: boolean;
  } = {},
): Scale {
  if (options.names || values.some((value) => typeof value === 'string'))
    return nameScale(options.names ?? [...new Set(values.map(String))], from, to);
  const numbers = values as readonly number[];
  const domain = options.range ?? (options.pad ? padded(extent(numbers)) : extent(numbers));
  const span = domain[1] - domain[0] || 1;
  const at = (value: number | string): number =>
    round(from + ((Number(value) - domain[0]) / span) * (to - from));
  const marks = ticks(domain).map((tick) => ({ at: at(tick), label: label(tick) }));
  return { marks, band: Math.abs(to - from) / Math.max(new Set(numbers).size, 1), at };
}

function nameScale(names: readonly string[], from: number, to: number): Scale {
  const band = (to - from) / Math.max(names.length, 1);
  const at = (value: number | string): number => round(from + band * (names.indexOf(String(value)) + 0.5));
  return { marks: names.map((name) => ({ at: at(name), label: name })), band: Math.abs(band), at };
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
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
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

const label = (value: number): string =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(0) : String(value);

export const round = (value: number): number => Math.round(value * 10) / 10;

/** The colour that a trace goes by, in the image and in its legend. */
export function colourOf(trace: Trace): string {
  if (trace.type === 'heatmap') return '#000000';
  if (trace.type === 'bar') return trace.marker.color;
  return trace.line?.color ?? trace.marker?.color ?? '#000000';
}

/** The attribute of a line that is not solid, in the image and in its legend. */
export function dashOf(trace: Trace): string {
  return trace.type === 'scatter' ? DASHES[trace.line?.dash ?? 'solid'] : '';
}

/** One trace as SVG. Bars of several traces stand side by side: `place` of `of`. */
export function drawTrace(
  trace: Trace,
  x: Scale,
  y: Scale,
  bars: { readonly place: number; readonly of: number; readonly floor: number },
): string {
  const opacity =
    trace.opacity === undefined ? '' : ` stroke-opacity="${trace.opacity}" fill-opacity="${trace.opacity}"`;
  const drawn =
    trace.type === 'scatter'
      ? drawScatter(trace, x, y)
      : trace.type === 'bar'
        ? drawBars(trace, x, y, bars)
        : drawHeatmap(trace, x, y);
  return `<g${opacity}>${drawn}</g>`;
}

const DASHES = { solid: '', dash: ' stroke-dasharray="6 4"', dot: ' stroke-dasharray="2 3"' } as const;

function drawScatter(trace: ScatterTrace, x: Scale, y: Scale): string {
  const colour = colourOf(trace);
  const shown = trace.x
    .map((value, i) => ({ value, other: trace.y[i], i }))
    .filter(({ value, other }) => isShown(value) && isShown(other));
  const points = shown.map(({ value, other, i }) => ({ px: x.at(value), py: y.at(other), i }));
  const path = points.map(({ px, py }) => `${px},${py}`).join(' ');
  const line = trace.mode.includes('lines')
    ? `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="${trace.line?.width ?? 2}" stroke-linejoin="round"${dashOf(trace)}/>`
    : '';
  const whiskers = trace.error_x
    ? points.map(({ py, i }) => {
        const value = Number(trace.x[i]);
        const low = x.at(value - (trace.error_x?.arrayminus[i] ?? 0));
        const high = x.at(value + (trace.error_x?.array[i] ?? 0));
        const end = (at: number): string => `M${at} ${py - 5}V${py + 5}`;
        return `<path d="M${low} ${py}H${high}${end(low)}${end(high)}" stroke="${colour}" stroke-width="2" fill="none"/>`;
      })
    : [];
  const radius = (trace.marker?.size ?? 7) / 2;
  const fill = trace.marker?.color ?? colour;
  const markers = trace.mode.includes('markers')
    ? points.map(({ px, py }) => `<circle cx="${px}" cy="${py}" r="${radius}" fill="${fill}"/>`)
    : [];
  return [line, ...whiskers, ...markers].join('');
}

const isShown = (value: number | string): boolean => typeof value === 'string' || Number.isFinite(value);

function drawBars(
  trace: BarTrace,
  x: Scale,
  y: Scale,
  { place, of, floor }: { readonly place: number; readonly of: number; readonly floor: number },
): string {
  const margin = x.band * 0.8;
  const width = margin / of;
  return trace.x
    .map((value, i) => {
      const left = x.at(value) - margin / 2 + place * width;
      const [top, bottom] = [y.at(trace.y[i]), floor].sort((a, b) => a - b);
      return `<rect x="${round(left)}" y="${top}" width="${round(width * 0.94)}" height="${round(bottom - top)}" fill="${trace.marker.color}"/>`;
    })
    .join('');
}

function drawHeatmap(trace: HeatmapTrace, x: Scale, y: Scale): string {
  const most = Math.max(...trace.z.flat(), 1e-12);
  return trace.z
    .flatMap((row, r) =>
      row.map((value, c) => {
        const [px, py] = [x.at(trace.x[c]), y.at(trace.y[r])];
        const share = value / most;
        const ink = share > 0.55 ? '#fff' : '#222';
        return `<rect x="${round(px - x.band / 2)}" y="${round(py - y.band / 2)}" width="${round(x.band)}" height="${round(y.band)}" fill="${between(trace.colorscale, share)}"/><text x="${px}" y="${py + 4}" text-anchor="middle" fill="${ink}">${trace.text[r][c]}</text>`;
      }),
    )
    .join('');
}

/** The colour at a share of a scale of two or more. */
function between(scale: HeatmapTrace['colorscale'], share: number): string {
  const above = Math.max(
    1,
    scale.findIndex(([at]) => at >= share),
  );
  const [low, high] = [scale[above - 1], scale[above]];
  const t = (share - low[0]) / (high[0] - low[0]);
  const [from, to] = [rgb(low[1]), rgb(high[1])];
  return `rgb(${from.map((value, k) => Math.round(value + t * (to[k] - value))).join(',')})`;
}

const MARGIN = { left: 64, right: 24, top: 44, bottom: 60 };
const LEGEND_ROW = 20;
/** Width of a letter, for the room that names need. */
const LETTER = 7.2;

/** A figure as SVG text, without a browser: lines, markers, intervals, bars, tables of colours; axes and legend. */
export function figureToSvg({ data, layout }: Figure): string {
  const rows = Math.ceil(legendEntries(data).length / 3);
  const width = layout.width ?? 760;
  const height = (layout.height ?? 420) + rows * LEGEND_ROW;
  const bottom = height - MARGIN.bottom - rows * LEGEND_ROW;
  const names = namesOf(
    layout.yaxis,
    data.flatMap<number | string>((trace) => [...trace.y]),
  );
  const left = Math.max(MARGIN.left, 24 + LETTER * Math.max(0, ...(names ?? []).map(({ length }) => length)));
  const right = width - MARGIN.right;
  const xs: Values = data.flatMap(horizontal);
  const ys: Values = data.flatMap((trace) => [...trace.y, ...(trace.type === 'bar' ? [0] : [])]);
  const x = scaleOf(xs, left, right, {
    range: layout.xaxis.range,
    names: namesOf(layout.xaxis, xs),
    pad: data.some((trace) => trace.type === 'scatter' && trace.error_x !== undefined),
  });
  const y = scaleOf(ys, bottom, MARGIN.top, { range: layout.yaxis.range, names, pad: true });
  const frame = { left, right, top: MARGIN.top, bottom };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(layout.title.text)}" font-family="DejaVu Sans, sans-serif" font-size="12" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(MARGIN.left, 24, layout.title.text, 'start', 'font-size="15" font-weight="bold"'),
    ...axes(x, y, layout, frame),
    ...traces(data, x, y, frame),
    ...legend(data, bottom + 62, frame),
    '</svg>',
  ].join('\n');
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function axes(x: Scale, y: Scale, { xaxis, yaxis }: Figure['layout'], frame: Frame): string[] {
  const { left, right, top, bottom } = frame;
  return [
    ...y.marks.map(
      ({ at, label }) =>
        `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e4e4e4"/>${text(left - 8, at + 4, label, 'end')}`,
    ),
    ...x.marks.map(
      ({ at, label }) =>
        `<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#888"/>${text(at, bottom + 18, label, 'middle')}`,
    ),
    `<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="#888"/>`,
    text((left + right) / 2, bottom + 38, xaxis.title.text, 'middle'),
    `<text transform="translate(16 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(yaxis.title.text)}</text>`,
  ];
}

function traces(data: readonly Trace[], x: Scale, y: Scale, frame: Frame): string[] {
  const { left, right, top, bottom } = frame;
  const bars = data.filter(({ type }) => type === 'bar');
  const drawn = data.map((trace) =>
    drawTrace(trace, x, y, { place: bars.indexOf(trace), of: bars.length, floor: bars.length ? y.at(0) : 0 }),
  );
  // A page holds many figures, and an id must be one figure's own.
  const id = `plot-${fnv1a32(drawn.join('')).toString(36)}`;
  return [
    `<clipPath id="${id}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>`,
    `<g clip-path="url(#${id})">${drawn.join('')}</g>`,
  ];
}

/** Values along x with the ends of their intervals. */
function horizontal(trace: Trace): Values {
  if (trace.type !== 'scatter' || !trace.error_x) return trace.x;
  const { array, arrayminus } = trace.error_x;
  return trace.x.flatMap((value, i) => [
    Number(value) - arrayminus[i],
    Number(value),
    Number(value) + array[i],
  ]);
}

function namesOf(axis: Axis, values: Values): readonly string[] | undefined {
  if (axis.categoryarray) return axis.categoryarray;
  return values.some((value) => typeof value === 'string') ? [...new Set(values.map(String))] : undefined;
}

const legendEntries = (data: readonly Trace[]): Trace[] =>
  data.filter((trace) => trace.showlegend !== false && trace.type !== 'heatmap');

function legend(data: readonly Trace[], top: number, { left, right }: Frame): string[] {
  const column = (right - left) / 3;
  return legendEntries(data).map((trace, i) => {
    const x = left + (i % 3) * column;
    const y = top + Math.floor(i / 3) * LEGEND_ROW;
    const colour = colourOf(trace);
    const lines = trace.type === 'scatter' && trace.mode.includes('lines');
    const key = lines
      ? `<line x1="${x}" x2="${x + 20}" y1="${y - 4}" y2="${y - 4}" stroke="${colour}" stroke-width="3"${dashOf(trace)}/>`
      : `<rect x="${x + 5}" y="${y - 9}" width="10" height="10" fill="${colour}"/>`;
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

export function escapeXml(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const FONTS = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((name) =>
  require.resolve(`dejavu-fonts-ttf/ttf/${name}`),
);

/** SVG text as PNG bytes. The font comes with the packages, so that every machine draws the same. */
export function svgToPng(svg: string, scale = 2): Buffer {
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { fontFiles: FONTS, loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' },
  });
  return Buffer.from(image.render().asPng());
}
