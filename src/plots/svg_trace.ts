import type { BarTrace, HeatmapTrace, ScatterTrace, Trace } from './figure';
import { rgb } from './palette';
import { round, type Scale } from './svg_scale';

/** The colour that a trace goes by, in the picture and in its legend. */
export function colourOf(trace: Trace): string {
  if (trace.type === 'heatmap') return '#000000';
  if (trace.type === 'bar') return trace.marker.color;
  return trace.line?.color ?? trace.marker?.color ?? '#000000';
}

/** The attribute of a line that is not solid, in the picture and in its legend. */
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
  const room = x.band * 0.8;
  const width = room / of;
  return trace.x
    .map((value, i) => {
      const left = x.at(value) - room / 2 + place * width;
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
