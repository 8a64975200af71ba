/** Numbers, or names along a categorical axis. */
export type Values = readonly (number | string)[];

interface Named {
  readonly name: string;
  readonly opacity?: number;
  readonly showlegend?: boolean;
}

/** Distances from a value to the ends of its interval. */
export interface ErrorBars {
  readonly type: 'data';
  readonly symmetric: false;
  readonly array: readonly number[];
  readonly arrayminus: readonly number[];
}

/** A line or marker trace of a Plotly figure. */
export interface ScatterTrace extends Named {
  readonly type: 'scatter';
  readonly mode: 'lines' | 'markers' | 'lines+markers';
  readonly x: Values;
  readonly y: Values;
  readonly error_x?: ErrorBars;
  readonly line?: {
    readonly color: string;
    readonly width?: number;
    readonly dash?: 'solid' | 'dash' | 'dot';
  };
  readonly marker?: { readonly color: string; readonly size?: number };
}

/** Upright bars over names or numbers. */
export interface BarTrace extends Named {
  readonly type: 'bar';
  readonly x: Values;
  readonly y: readonly number[];
  readonly marker: { readonly color: string };
}

/** A table of numbers as colours: z[row][column], the first row at the bottom. */
export interface HeatmapTrace extends Named {
  readonly type: 'heatmap';
  readonly x: readonly string[];
  readonly y: readonly string[];
  readonly z: readonly (readonly number[])[];
  readonly colorscale: readonly (readonly [number, string])[];
  readonly showscale: boolean;
  /** What is in each cell. */
  readonly text: readonly (readonly string[])[];
  readonly texttemplate: '%{text}';
}

export type Trace = ScatterTrace | BarTrace | HeatmapTrace;

export interface Axis {
  readonly title: { readonly text: string };
  readonly range?: readonly [number, number];
  /** Names, in their order from the origin. */
  readonly categoryarray?: readonly string[];
  readonly automargin?: boolean;
}

/** A Plotly figure, as far as this library draws: JupyterLab shows it as it is, `figureToSvg` draws it without a browser. */
export interface Figure {
  readonly data: readonly Trace[];
  readonly layout: {
    readonly title: { readonly text: string };
    readonly xaxis: Axis;
    readonly yaxis: Axis;
    readonly width?: number;
    readonly height?: number;
    readonly barmode?: 'group';
  };
}
