import type { ViewedCell, ViewerData } from '../../viewer/viewer_data';
import { outcomesOf } from '../shared/outcomes';

/** What the person has chosen to see. Every change is told to those who asked. */
export class ViewerState {
  threshold: number;
  readonly hiddenClasses: Set<number> = new Set();
  showCells = true;
  showGroundTruth = false;
  byOutcome = false;
  /** Row of the cell under the pointer, and of the one that was chosen; -1 for none. */
  hovered = -1;
  chosen = -1;
  private readonly listeners: (() => void)[] = [];

  constructor(readonly data: ViewerData) {
    this.threshold = data.threshold;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Makes a change and tells of it. */
  change(make: (state: ViewerState) => void): void {
    make(this);
    if (this.chosen >= 0 && !this.isShown(this.data.cells[this.chosen])) this.chosen = -1;
    if (this.hovered >= 0 && !this.isShown(this.data.cells[this.hovered])) this.hovered = -1;
    for (const listener of this.listeners) listener();
  }

  isShown(cell: ViewedCell): boolean {
    return this.showCells && cell.score >= this.threshold && !this.hiddenClasses.has(cell.label);
  }

  /** Rows of the cells that are shown, by falling score. */
  shown(): number[] {
    return [...this.data.cells.keys()].filter((row) => this.isShown(this.data.cells[row]));
  }

  /** How the cells over the threshold turned out. Classes that are hidden count too: hiding is for looking. */
  outcomes(): ReturnType<typeof outcomesOf> {
    return outcomesOf(this.data.cells, this.threshold);
  }
}
