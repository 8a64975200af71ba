import type { ViewedCell, ViewerData } from '../../viewer/viewer_data';

/** What a cell turned out to be, where the ground truth is known. */
export type Outcome = 'hit' | 'false positive';

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

  /**
   * How each cell over the threshold turned out, and which true cells are found: of several on one true cell the
   * highest score is the hit. Classes that are hidden count too: hiding is for looking.
   */
  outcomes(): { readonly ofCell: Map<number, Outcome>; readonly found: Set<number> } {
    const ofCell = new Map<number, Outcome>();
    const found = new Set<number>();
    this.data.cells.forEach(({ score, match }, row) => {
      if (score < this.threshold) return;
      const hit = match >= 0 && !found.has(match);
      if (hit) found.add(match);
      ofCell.set(row, hit ? 'hit' : 'false positive');
    });
    return { ofCell, found };
  }
}
