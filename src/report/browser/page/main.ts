import { drawFigures } from './figures';
import { startGallery } from './gallery';
import { startTable } from './table';

drawFigures(document.querySelectorAll<HTMLElement>('figure.plot'));
for (const gallery of document.querySelectorAll<HTMLElement>('.gallery')) startGallery(gallery);
for (const table of document.querySelectorAll<HTMLElement>('.openable')) startTable(table);
