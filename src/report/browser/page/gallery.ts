import type { GalleryData } from '../../gallery_data';
import { OUTCOME_COLOURS } from '../shared/outcomes';
import { ImageDialog } from './dialog';
import { type Counted, count, f1, LINES, Tile } from './tile';

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
  const dialog = new ImageDialog(part<HTMLDialogElement>('dialog'));
  part('.legend').append(
    ...LINES.flatMap(({ dash, words }) => {
      const key = document.createElement('span');
      key.className = 'key';
      key.style.borderTop = `4px ${dash.length ? 'dashed' : 'solid'} ${OUTCOME_COLOURS[words]}`;
      return [key, `${words}   `];
    }),
  );
  const threshold = (): number => Number(slider.value);
  const tiles = data.images.map((image) => new Tile(image, threshold));
  for (const tile of tiles) tile.button.addEventListener('click', () => dialog.open(tile));
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
    dialog.update();
  }
  slider.addEventListener('input', update);
  order.addEventListener('change', update);
  update();
}
