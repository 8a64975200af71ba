/** What plotly.js offers, as far as the page uses it. */
interface PlotlyApi {
  newPlot(at: HTMLElement, data: unknown[], layout: object, config: object): Promise<unknown>;
  downloadImage(at: HTMLElement, options: object): Promise<unknown>;
}
declare const Plotly: PlotlyApi;

interface PlotlyFigure {
  readonly data: unknown[];
  readonly layout: Record<string, unknown> & { readonly title: { readonly text: string } };
}

/** Draws a figure once it is nearly in sight: a page of fifty opens as fast as one of two. */
export function drawFigures(figures: Iterable<HTMLElement>): void {
  const drawn = new Set<HTMLElement>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        drawn.add(target as HTMLElement);
        void draw(target as HTMLElement);
      }
    },
    { rootMargin: '300px' },
  );
  for (const figure of figures) observer.observe(figure);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const figure of drawn) void draw(figure);
  });
}

/** Puts the interactive figure in the place of the still one. */
async function draw(figure: HTMLElement): Promise<void> {
  const { data, layout } = JSON.parse(figure.querySelector('script')?.textContent ?? '') as PlotlyFigure;
  const still = figure.querySelector<HTMLElement>('.still');
  const live = figure.querySelector<HTMLElement>('.live') ?? document.createElement('div');
  live.className = 'live';
  figure.prepend(live);
  still?.remove();
  const name = layout.title.text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  await Plotly.newPlot(live, data.map(readable), themed(layout), {
    responsive: true,
    displaylogo: false,
    displayModeBar: 'hover',
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
    toImageButtonOptions: { format: 'png', scale: 3, filename: name },
    modeBarButtonsToAdd: [
      {
        name: 'svg',
        title: 'Download as SVG',
        icon: { width: 24, height: 24, path: 'M5 20h14v-2H5v2zM19 9h-4V3H9v6H5l7 7 7-7z' },
        click: (at: HTMLElement) => void Plotly.downloadImage(at, { format: 'svg', filename: name }),
      },
    ],
  });
}

/** The one line that is drawn in the colour of the text: on a dark page the text is light. */
function readable(trace: unknown): unknown {
  const { line } = trace as { line?: { color?: string } };
  if (line?.color !== '#222222') return trace;
  const ink = getComputedStyle(document.documentElement).getPropertyValue('--ink').trim();
  return { ...(trace as object), line: { ...line, color: ink } };
}

/** The layout in the colours of the page, with its legend below where the page is narrow. */
function themed(layout: PlotlyFigure['layout']): object {
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = ['--ink', '--line'].map((name) => style.getPropertyValue(name).trim());
  const narrow = window.innerWidth < 560;
  const axis = (own: unknown): object => ({
    gridcolor: line,
    zerolinecolor: line,
    linecolor: line,
    automargin: true,
    ...(own as object),
  });
  return {
    ...layout,
    title: { ...layout.title, x: 0, xanchor: 'left', font: { size: narrow ? 13 : 15 } },
    font: { color: ink, family: 'system-ui, "DejaVu Sans", sans-serif', size: 12 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    hovermode: 'closest',
    legend: { orientation: 'h', y: -0.22, x: 0 },
    margin: { l: 8, r: 12, t: 44, b: 8 },
    width: undefined,
  };
}
