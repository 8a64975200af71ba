import { drawFigures } from './figures';
import { startGallery } from './gallery';

drawFigures(document.querySelectorAll<HTMLElement>('figure.plot'));
for (const gallery of document.querySelectorAll<HTMLElement>('.gallery')) startGallery(gallery);
