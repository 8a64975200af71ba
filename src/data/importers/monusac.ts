import { DataError } from '../../core/errors';
import { safeName } from '../safe_name';
import { type AperioRegion, readAperioXml } from './aperio_xml';
import { Companions, stemsOf } from './companions';
import {
  type ForeignDataset,
  findImages,
  type ImageFile,
  type ImportNotes,
  requireSome,
} from './import_dataset';
import { type Importer, type ImportSettings, SourceImages } from './importer';
import { paintShapes, polygonMask, type Shape } from './shapes';

const CLASSES = ['epithelial', 'lymphocyte', 'neutrophil', 'macrophage'];

/** MoNuSAC 2020 as published. */
export const monusac: Importer = {
  name: 'monusac',
  reads: 'MoNuSAC as published: SVS or TIFF with Aperio XML',
  sources: ['src'],
  settings: [],
  open: ([src], settings, notes) => openMonusac(src, settings, notes),
};

/** MoNuSeg 2018 as published: the same XML, where layers have no name. */
export const monuseg: Importer = {
  name: 'monuseg',
  reads: 'MoNuSeg as published: TIFF with Aperio XML of nuclei without a class',
  sources: ['src'],
  settings: ['className'],
  open: ([src], settings, notes) => openMonuseg(src, settings, notes),
};

/**
 * Images (SVS, or TIFF) with an Aperio XML of the same name, in any depth of folders. Four classes; regions called
 * ambiguous go to the ignored ones, as do unknown names (noted). The group of an image is its patient. Where no region
 * of the whole set has a class at all it is MoNuSeg's kind: one class, and noted.
 */
export function openMonusac(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const slides = new AnnotatedSlides(dir, settings, notes);
  const named = slides.found.some(({ id }) =>
    slides.regions(id).some(({ className }) => className.trim() !== ''),
  );
  if (named || slides.found.every(({ id }) => slides.regions(id).length === 0))
    return slides.dataset(CLASSES, (region, name, own) => labelOf(region.className, name, own));
  notes.add('no region has a class, as in MoNuSeg: all are cells of one class', dir);
  return slides.dataset([settings.className ?? 'nucleus'], () => 1);
}

/** Every region is a nucleus of one class. */
export function openMonuseg(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const slides = new AnnotatedSlides(dir, settings, notes);
  return slides.dataset([settings.className ?? 'nucleus'], () => 1);
}

/** Images with their XML. */
class AnnotatedSlides {
  readonly found: readonly ImageFile[];
  private readonly xml = new Map<string, string>();
  private readonly sizes = new Set<number>();
  private readonly read = new Map<string, readonly AperioRegion[]>();

  constructor(
    private readonly dir: string,
    private readonly settings: ImportSettings,
    notes: ImportNotes,
  ) {
    const companions = new Companions(dir);
    const chosen = new Map<string, ImageFile>();
    for (const image of findImages(dir)) {
      const xml = companions.nearest(
        image.file,
        stemsOf(image.file).map((stem) => `${stem}.xml`),
      );
      if (!xml) {
        notes.add('image without an .xml beside it: left out', image.id);
        continue;
      }
      // Of a slide and a TIFF of the same name the slide.
      const known = chosen.get(xml);
      if (!known || image.file.endsWith('.svs'))
        chosen.set(xml, { ...image, id: safeName(stemsOf(image.file)[0]) });
    }
    this.found = requireSome([...chosen.values()], dir, 'image with an .xml beside it');
    for (const [xml, { id, file }] of chosen) {
      if (this.xml.has(id)) throw new DataError(`two images are called "${id}"`, { where: file });
      this.xml.set(id, xml);
    }
  }

  regions(id: string): readonly AperioRegion[] {
    const known = this.read.get(id);
    if (known) return known;
    const { regions, pixelSize } = readAperioXml(this.xml.get(id) as string);
    if (pixelSize !== undefined) this.sizes.add(pixelSize);
    this.read.set(id, regions);
    return regions;
  }

  dataset(
    classes: readonly string[],
    labelOf: (region: AperioRegion, name: string, notes: ImportNotes) => number,
  ): ForeignDataset {
    const byId = new Map(this.found.map(({ id, file }) => [id, file]));
    const source = new SourceImages([...byId.values()], this.settings);
    return {
      ids: [...byId.keys()],
      classes,
      channelOrder: this.settings.channelOrder ?? 'rgb',
      load: async (id, own) => {
        const size = await source.load(byId.get(id) as string, id, own);
        const { width, height, data: image } = size;
        const shapes: Shape[] = [];
        for (const region of this.regions(id)) {
          const name = `${id}, region ${region.id} (${region.className || 'no class'})`;
          const code = polygonMask([[region.points]], { width, height }, name, own, 'pixels');
          if (code) shapes.push({ label: labelOf(region, name, own), code, name });
        }
        // Regions are needed once.
        this.read.delete(id);
        return { id, width, height, image, ...paintShapes(shapes, classes.length, { width, height }, own) };
      },
      info: async (own) => {
        const groups = Object.fromEntries(this.found.map(({ id }) => [id, patientOf(id)]));
        if (this.sizes.size > 1)
          throw new DataError(`images of different pixel sizes: ${[...this.sizes].join(', ')} µm`, {
            where: this.dir,
            fix: 'Import them into one data set each.',
          });
        return { ...(await source.finish(own, [...this.sizes][0])), groups };
      },
    };
  }
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
