import type { GalleryData } from '../../gallery_data';
import { ImageDialog } from './dialog';
import { Tile } from './tile';

/** Makes the rows of a table open the image, and the cell, that they are about: by click, Enter or space. */
export function startTable(table: HTMLElement): void {
  const data = JSON.parse(table.querySelector('script')?.textContent ?? '') as GalleryData;
  const dialog = new ImageDialog(table.querySelector('dialog') as HTMLDialogElement);
  const tiles = new Map(data.images.map((image) => [image.id, new Tile(image, () => data.threshold)]));
  for (const row of table.querySelectorAll<HTMLElement>('tbody tr')) {
    const open = (): void => {
      const { image = '', cell = '' } = row.dataset;
      const tile = tiles.get(image);
      if (tile) dialog.open(tile, cell === '' ? null : Number(cell));
    };
    row.addEventListener('click', open);
    row.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      open();
    });
  }
}
