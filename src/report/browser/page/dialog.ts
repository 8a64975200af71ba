import type { Tile } from './tile';

/** One image, large: as much of it as the window holds, or what is around one cell. */
export class ImageDialog {
  private readonly canvas = document.createElement('canvas');
  private readonly heading = document.createElement('p');
  private tile: Tile | null = null;
  private cell: number | null = null;

  constructor(private readonly dialog: HTMLDialogElement) {
    dialog.append(this.heading, this.canvas);
  }

  /** @param cell row of the ground truth, shown from near; null: the whole image. */
  open(tile: Tile, cell: number | null = null): void {
    [this.tile, this.cell] = [tile, cell];
    this.draw();
    this.dialog.showModal();
  }

  update(): void {
    if (this.dialog.open) this.draw();
  }

  private draw(): void {
    if (!this.tile) return;
    const room = { width: window.innerWidth - 90, height: window.innerHeight - 150 };
    this.heading.textContent = this.tile.describe(this.cell);
    void this.tile.drawOn(this.canvas, room, this.cell);
  }
}
