import { fnv1a32 } from '../core/rng';
import type { Axis, Figure, Trace, Values } from './figure';
import { round, type Scale, scaleOf } from './svg_scale';
import { colourOf, dashOf, drawTrace } from './svg_trace';

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
