import type { GalleryImage } from '../../gallery_data';
import { OUTCOME_COLOURS, outcomesOf } from '../shared/outcomes';

/** How outcomes are drawn. */
export const LINES: readonly {
  readonly words: keyof typeof OUTCOME_COLOURS;
  readonly dash: readonly number[];
}[] = [
  { words: 'hit', dash: [] },
  { words: 'false positive', dash: [] },
  { words: 'missed', dash: [5, 4] },
];

export interface Counted {
  readonly hits: number;
  readonly falsePositives: number;
  readonly missed: number;
}

export function count({ cells, groundTruth }: GalleryImage, threshold: number): Counted {
  const { ofCell, found } = outcomesOf(cells, threshold);
  return {
    hits: found.size,
    falsePositives: ofCell.size - found.size,
    missed: groundTruth.length - found.size,
  };
}

export function f1({ hits, falsePositives, missed }: Counted): number {
  const all = 2 * hits + falsePositives + missed;
  return all === 0 ? 1 : (2 * hits) / all;
}

/** One image of the gallery: drawn when it is in sight. */
export class Tile {
  readonly button: HTMLButtonElement = document.createElement('button');
  private readonly canvas = document.createElement('canvas');
  private readonly words = document.createElement('span');
  private loaded: Promise<HTMLImageElement> | null = null;
  private inSight = false;

  constructor(
    readonly image: GalleryImage,
    private readonly threshold: () => number,
  ) {
    this.button.type = 'button';
    this.canvas.width = image.width;
    this.canvas.height = image.height;
    this.button.append(this.canvas, this.words);
    new IntersectionObserver(
      (entries) => {
        this.inSight = entries.some(({ isIntersecting }) => isIntersecting);
        if (this.inSight) void this.draw();
      },
      { rootMargin: '200px' },
    ).observe(this.button);
  }

  describe(cell: number | null = null): string {
    if (cell !== null) return `${this.image.id}, cell ${cell}`;
    const counted = count(this.image, this.threshold());
    return `${this.image.id}: F1 ${f1(counted).toFixed(2)}, ${counted.missed} missed, ${counted.falsePositives} false`;
  }

  update(): void {
    this.words.textContent = this.describe();
    if (this.inSight) void this.draw();
  }

  private async draw(): Promise<void> {
    const width = Math.max(300, this.image.width);
    await this.drawOn(this.canvas, { width, height: Number.POSITIVE_INFINITY }, null);
  }

  /** Draws the image, or what is around one of its true cells, as large as there is room. */
  async drawOn(
    canvas: HTMLCanvasElement,
    room: { readonly width: number; readonly height: number },
    cell: number | null,
  ): Promise<void> {
    this.loaded ??= load(this.image.picture);
    const picture = await this.loaded;
    const [left, top, width, height] =
      cell === null ? [0, 0, this.image.width, this.image.height] : this.around(cell);
    const scale = Math.min(room.width / width, room.height / height, MOST_SCALE);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    context.scale(scale, scale);
    context.translate(-left, -top);
    context.drawImage(picture, 0, 0, this.image.width, this.image.height);
    const { ofCell, found } = outcomesOf(this.image.cells, this.threshold());
    for (const [row, outcome] of ofCell) outline(context, this.image.cells[row].outline, outcome, scale);
    this.image.groundTruth.forEach((shape, row) => {
      if (!found.has(row)) outline(context, shape.outline, 'missed', scale);
    });
  }

  /** Left, top, width and height of what is shown of a true cell. */
  private around(cell: number): [number, number, number, number] {
    const { outline: corners } = this.image.groundTruth[cell];
    const along = (axis: 0 | 1): number[] =>
      corners.filter((_, i) => i % 2 === axis).map((value) => value / 2);
    const [xs, ys] = [along(0), along(1)];
    const left = Math.max(0, Math.min(...xs) - MARGIN);
    const top = Math.max(0, Math.min(...ys) - MARGIN);
    const right = Math.min(this.image.width, Math.max(...xs) + MARGIN);
    const bottom = Math.min(this.image.height, Math.max(...ys) + MARGIN);
    return [left, top, right - left, bottom - top];
  }
}

/** Pixels of the screen for one of the picture, at most. */
const MOST_SCALE = 6;
/** Pixels of the picture around a cell that are shown with it. */
const MARGIN = 30;

async function load(url: string): Promise<HTMLImageElement> {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}

/** A bright line of two pixels on a dark one, so that it stands out from any tissue. */
function outline(
  context: CanvasRenderingContext2D,
  corners: readonly number[],
  outcome: (typeof LINES)[number]['words'],
  scale: number,
): void {
  const dash = LINES.find(({ words }) => words === outcome)?.dash ?? [];
  context.beginPath();
  for (let i = 0; i < corners.length; i += 2) context.lineTo(corners[i] / 2, corners[i + 1] / 2);
  context.closePath();
  context.lineJoin = 'round';
  context.setLineDash(dash.map((length) => length / scale));
  context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
  context.lineWidth = 3.5 / scale;
  context.stroke();
  context.strokeStyle = OUTCOME_COLOURS[outcome];
  context.lineWidth = 2 / scale;
  context.stroke();
}
