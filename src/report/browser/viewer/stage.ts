import { OUTCOME_COLOURS } from '../shared/outcomes';
import { type Camera, centreOn, keepInSight, pan, type Size, scaleBar, wholeImage, zoomAt } from './camera';
import { holds, makeShape, type Shape } from './shapes';
import type { ViewerState } from './state';

/** The canvas: draws what the state says, and knows what lies under a point. */
export class Stage {
  private camera: Camera;
  private readonly cells: readonly Shape[];
  private readonly groundTruth: readonly Shape[];
  private readonly context: CanvasRenderingContext2D;
  private asked = false;

  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly picture: HTMLImageElement,
    private readonly state: ViewerState,
  ) {
    this.context = canvas.getContext('2d') as CanvasRenderingContext2D;
    this.cells = state.data.cells.map(makeShape);
    this.groundTruth = (state.data.groundTruth ?? []).map(makeShape);
    this.camera = wholeImage(state.data, this.size());
    state.onChange(() => this.redraw());
    let fitted = this.size();
    new ResizeObserver(() => {
      const now = this.size();
      if (now.width !== fitted.width || now.height !== fitted.height) this.fit();
      fitted = now;
    }).observe(canvas);
    this.redraw();
  }

  size(): Size {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  fit(): void {
    this.move(wholeImage(this.state.data, this.size()));
  }

  pan(dx: number, dy: number): void {
    this.move(pan(this.camera, dx, dy));
  }

  /** About a point of the screen; its middle unless given. */
  zoom(factor: number, x = this.size().width / 2, y = this.size().height / 2): void {
    this.move(zoomAt(this.camera, factor, x, y, wholeImage(this.state.data, this.size()).scale / 2));
  }

  /** Brings a cell into the middle. */
  centre(row: number): void {
    const [left, top, right, bottom] = this.cells[row].box;
    this.move(centreOn(this.camera, (left + right) / 2, (top + bottom) / 2, this.size(), 3));
  }

  /** The shown cell under a point of the screen, the smallest of several; -1 for none. */
  cellAt(x: number, y: number): number {
    const [u, v] = [(x - this.camera.x) / this.camera.scale, (y - this.camera.y) / this.camera.scale];
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (const row of this.state.shown()) {
      const [left, top, right, bottom] = this.cells[row].box;
      const area = (right - left) * (bottom - top);
      if (area < least && holds(this.cells[row], u, v)) [best, least] = [row, area];
    }
    return best;
  }

  /** Draws before the screen is next shown, however often it is asked. */
  redraw(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  private move(camera: Camera): void {
    this.camera = keepInSight(camera, this.state.data, this.size());
    this.redraw();
  }

  private draw(): void {
    const { context, camera, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.size();
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(
      ratio * camera.scale,
      0,
      0,
      ratio * camera.scale,
      ratio * camera.x,
      ratio * camera.y,
    );
    context.imageSmoothingEnabled = camera.scale < 3;
    context.drawImage(this.picture, 0, 0, this.state.data.width, this.state.data.height);
    this.drawShapes();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawScaleBar();
  }

  private drawShapes(): void {
    const { state } = this;
    const { cells, classes } = state.data;
    const { ofCell, found } = state.outcomes();
    for (const row of state.shown()) {
      const outcome = ofCell.get(row);
      const colour =
        state.byOutcome && outcome ? OUTCOME_COLOURS[outcome] : classes[cells[row].label - 1].colour;
      this.outline(this.cells[row], colour, 2, [], row === state.hovered || row === state.chosen);
    }
    if (!state.showGroundTruth) return;
    (state.data.groundTruth ?? []).forEach(({ label }, row) => {
      if (state.hiddenClasses.has(label)) return;
      const missed = !found.has(row);
      this.outline(
        this.groundTruth[row],
        missed ? OUTCOME_COLOURS.missed : OUTCOME_COLOURS.found,
        missed ? 2.5 : 1.5,
        [5, 4],
      );
    });
  }

  /** A bright line on a dark one, so that it stands out from any tissue. Widths in pixels of the screen. */
  private outline(shape: Shape, colour: string, width: number, dash: readonly number[], full = false): void {
    const { context, camera } = this;
    if (full) {
      context.globalAlpha = 0.3;
      context.fillStyle = colour;
      context.fill(shape.path, 'evenodd');
      context.globalAlpha = 1;
    }
    context.lineJoin = 'round';
    context.setLineDash(dash.map((length) => length / camera.scale));
    context.strokeStyle = 'rgba(0, 0, 0, 0.6)';
    context.lineWidth = (width + (full ? 4 : 1.5)) / camera.scale;
    context.stroke(shape.path);
    context.strokeStyle = colour;
    context.lineWidth = (width + (full ? 1.5 : 0)) / camera.scale;
    context.stroke(shape.path);
  }

  private drawScaleBar(): void {
    const { context, camera } = this;
    const { height } = this.size();
    const { pixels, text } = scaleBar(camera, this.size(), this.state.data.pixelSize);
    const length = pixels * camera.scale;
    context.fillStyle = 'rgba(0, 0, 0, 0.62)';
    context.fillRect(14, height - 48, length + 20, 34);
    context.fillStyle = '#fff';
    context.fillRect(24, height - 24, length, 3);
    context.font = '13px system-ui, sans-serif';
    context.textAlign = 'center';
    context.fillText(text, 24 + length / 2, height - 31);
  }
}
