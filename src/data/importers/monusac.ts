import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import type { ChannelOrder } from '../dataset_info';
import { readImage } from '../formats/image';
import { readAperioXml } from './aperio_xml';
import {
  type ForeignDataset,
  findImages,
  type ImageFile,
  type ImportNotes,
  requireSome,
} from './import_dataset';
import { paintShapes, polygonMask, type Shape } from './shapes';

const CLASSES = ['epithelial', 'lymphocyte', 'neutrophil', 'macrophage'];

/**
 * MoNuSAC 2020 as published: images (SVS, or TIFF) with an Aperio XML of the same name beside them, in any depth of
 * folders. Four classes; regions called ambiguous go to the ignored ones, as do unknown names (noted). The group of an
 * image is its patient.
 */
export function openMonusac(dir: string, channelOrder: ChannelOrder, notes: ImportNotes): ForeignDataset {
  const found = requireSome(preferSlides(findImages(dir)), dir, 'image with an .xml beside it');
  const sizes = new Set<number>();
  const byId = new Map(found.map((image) => [image.id, image.file]));
  for (const { id, file } of findImages(dir))
    if (!fs.existsSync(xmlOf(file)) && !byId.has(id))
      notes.add('image without an .xml beside it: left out', id);
  return {
    ids: [...byId.keys()],
    classes: CLASSES,
    channelOrder,
    load: async (id, own) => {
      const file = byId.get(id) as string;
      const { data: image, width, height } = await readImage(file);
      const { regions, pixelSize } = readAperioXml(xmlOf(file));
      if (pixelSize !== undefined) sizes.add(pixelSize);
      const shapes: Shape[] = [];
      for (const { id: number, className, points } of regions) {
        const name = `${id}, region ${number} (${className || 'no class'})`;
        const mask = polygonMask([[points]], { width, height }, name, own, 'pixels');
        if (mask) shapes.push({ label: labelOf(className, name, own), mask, name });
      }
      return { id, width, height, image, ...paintShapes(shapes, CLASSES.length, { width, height }, own) };
    },
    info: () => {
      const groups = Object.fromEntries(found.map(({ id }) => [id, patientOf(id)]));
      if (sizes.size > 1)
        throw new DataError(`images of different pixel sizes: ${[...sizes].join(', ')} µm`, {
          where: dir,
          fix: 'Import them into one data set each.',
        });
      return { ...(sizes.size === 1 ? { pixelSize: [...sizes][0] } : {}), groups };
    },
  };
}

function xmlOf(file: string): string {
  return file.replace(/\.[^.]+$/, '.xml');
}

/** Images with annotations; of a slide and a TIFF of the same name the slide. */
function preferSlides(images: readonly ImageFile[]): ImageFile[] {
  const chosen = new Map<string, ImageFile>();
  for (const image of images) {
    const xml = xmlOf(image.file);
    if (!fs.existsSync(xml)) continue;
    const id = path.parse(xml).name;
    const known = chosen.get(xml);
    if (!known || image.file.endsWith('.svs')) chosen.set(xml, { id, file: image.file });
  }
  const all = [...chosen.values()];
  const twice = all.find(({ id }, i) => all.findIndex((other) => other.id === id) !== i);
  if (twice) throw new DataError(`two images are called "${twice.id}"`, { where: twice.file });
  return all;
}

function labelOf(className: string, name: string, notes: ImportNotes): number {
  const lower = className.trim().toLowerCase();
  const label = CLASSES.indexOf(lower) + 1;
  if (label === 0 && lower !== 'ambiguous')
    notes.add(`unknown class "${className}": taken as a region to ignore`, name);
  return label;
}

/** TCGA's participant (the first three fields), else the name without its last number. */
function patientOf(id: string): string {
  return /^TCGA-[^-]+-[^-]+/.exec(id)?.[0] ?? id.replace(/_\d+$/, '');
}
