/** A line or marker trace of a Plotly figure. */
export interface Trace {
  readonly type: 'scatter';
  readonly name: string;
  readonly mode: 'lines' | 'markers' | 'lines+markers';
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly line?: {
    readonly color: string;
    readonly width?: number;
    readonly dash?: 'solid' | 'dash' | 'dot';
  };
  readonly marker?: { readonly color: string; readonly size?: number };
  readonly opacity?: number;
  readonly showlegend?: boolean;
}

export interface Axis {
  readonly title: { readonly text: string };
  readonly range?: readonly [number, number];
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
  };
}
