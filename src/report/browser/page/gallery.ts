import type { GalleryCell, GalleryData, GalleryImage, GalleryShape } from '../../gallery_data';

/** Colours of what became of a cell: none is that of a class. Lines differ too, for whoever tells no colours apart. */
const OUTCOMES = {
  hit: { colour: '#bfd7ff', dash: [] as number[], words: 'hit' },
  false: { colour: '#ff2e93', dash: [] as number[], words: 'false positive' },
  missed: { colour: '#ffffff', dash: [5, 4], words: 'missed' },
} as const;

interface Counted {
  readonly hits: number;
  readonly falsePositives: number;
  readonly missed: number;
}

/** Of several cells on one true cell the highest score is the hit. */
function outcomes(
  { cells, groundTruth }: GalleryImage,
  threshold: number,
): { shown: GalleryCell[]; hits: Set<GalleryCell>; missed: GalleryShape[] } {
  const shown = cells.filter(({ score }) => score >= threshold);
  const found = new Set<number>();
  const hits = new Set<GalleryCell>();
  for (const cell of shown)
    if (cell.match >= 0 && !found.has(cell.match)) {
      found.add(cell.match);
      hits.add(cell);
    }
  return { shown, hits, missed: groundTruth.filter((_, t) => !found.has(t)) };
}

function count(image: GalleryImage, threshold: number): Counted {
  const { shown, hits, missed } = outcomes(image, threshold);
  return { hits: hits.size, falsePositives: shown.length - hits.size, missed: missed.length };
}

function f1({ hits, falsePositives, missed }: Counted): number {
  const all = 2 * hits + falsePositives + missed;
  return all === 0 ? 1 : (2 * hits) / all;
}

const ORDERS: Record<string, (a: Counted, b: Counted) => number> = {
  f1: (a, b) => f1(a) - f1(b),
  best: (a, b) => f1(b) - f1(a),
  missed: (a, b) => b.missed - a.missed,
  false: (a, b) => b.falsePositives - a.falsePositives,
  name: () => 0,
};

/** Fills a gallery and keeps it as its slider and its order say. */
export function startGallery(gallery: HTMLElement): void {
  const part = <T extends HTMLElement>(selector: string): T => gallery.querySelector<T>(selector) as T;
  const data = JSON.parse(part('script').textContent ?? '') as GalleryData;
  const slider = part<HTMLInputElement>('input');
  const order = part<HTMLSelectElement>('select');
  const dialog = part<HTMLDialogElement>('dialog');
  const large = document.createElement('canvas');
  const heading = document.createElement('p');
  dialog.append(heading, large);
  part('.legend').append(
    ...Object.values(OUTCOMES).flatMap(({ colour, dash, words }) => {
      const key = document.createElement('span');
      key.className = 'key';
      key.style.borderTop = `4px ${dash.length ? 'dashed' : 'solid'} ${colour}`;
      return [key, `${words}   `];
    }),
  );
  let opened: Tile | null = null;
  const threshold = (): number => Number(slider.value);
  const tiles = data.images.map((image) => new Tile(image, threshold));
  for (const tile of tiles)
    tile.button.addEventListener('click', () => {
      opened = tile;
      showLarge();
      dialog.showModal();
    });
  function showLarge(): void {
    if (!opened) return;
    heading.textContent = opened.describe();
    const { width, height } = opened.image;
    void opened.drawOn(
      large,
      Math.min((window.innerWidth - 90) / width, (window.innerHeight - 170) / height),
    );
  }
  function update(): void {
    const counted = data.images.map((image) => count(image, threshold()));
    const sum = (of: (one: Counted) => number): number => counted.reduce((total, one) => total + of(one), 0);
    const [hits, wrong, missed] = [sum((c) => c.hits), sum((c) => c.falsePositives), sum((c) => c.missed)];
    const share = (a: number, b: number): string => (b === 0 ? '–' : (a / b).toFixed(2));
    part('output').textContent = threshold().toFixed(2);
    part('.scores').textContent =
      `precision ${share(hits, hits + wrong)}, recall ${share(hits, hits + missed)}, F1 ${share(2 * hits, 2 * hits + wrong + missed)} (${hits} hits, ${wrong} false positives, ${missed} missed)`;
    const compare = ORDERS[order.value];
    const rows = [...tiles.keys()].sort((a, b) => compare(counted[a], counted[b]) || a - b);
    const images = part('.images');
    // Moving an element that stands where it should would take the focus away from it.
    rows.forEach((row, place) => {
      const { button } = tiles[row];
      if (images.children[place] !== button) images.insertBefore(button, images.children[place] ?? null);
    });
    for (const tile of tiles) tile.update();
    if (dialog.open) showLarge();
  }
  slider.addEventListener('input', update);
  order.addEventListener('change', update);
  update();
}

/** One image of the gallery: drawn when it is in sight. */
class Tile {
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

  describe(): string {
    const counted = count(this.image, this.threshold());
    return `${this.image.id}: F1 ${f1(counted).toFixed(2)}, ${counted.missed} missed, ${counted.falsePositives} false`;
  }

  update(): void {
    this.words.textContent = this.describe();
    if (this.inSight) void this.draw();
  }

  private async draw(): Promise<void> {
    await this.drawOn(this.canvas, Math.max(1, 300 / this.image.width));
  }

  async drawOn(canvas: HTMLCanvasElement, wanted: number): Promise<void> {
    this.loaded ??= load(this.image.picture);
    const picture = await this.loaded;
    const { width, height } = this.image;
    const scale = Math.min(wanted, 4);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    context.scale(scale, scale);
    context.drawImage(picture, 0, 0, width, height);
    const { shown, hits, missed } = outcomes(this.image, this.threshold());
    for (const cell of shown)
      outline(context, cell.outline, hits.has(cell) ? OUTCOMES.hit : OUTCOMES.false, scale);
    for (const shape of missed) outline(context, shape.outline, OUTCOMES.missed, scale);
  }
}

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
  { colour, dash }: { readonly colour: string; readonly dash: readonly number[] },
  scale: number,
): void {
  context.beginPath();
  for (let i = 0; i < corners.length; i += 2) context.lineTo(corners[i] / 2, corners[i + 1] / 2);
  context.closePath();
  context.lineJoin = 'round';
  context.setLineDash(dash.map((length) => length / scale));
  context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
  context.lineWidth = 3.5 / scale;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = 2 / scale;
  context.stroke();
}
