import * as path from 'node:path';
import type { ReadLabels } from '../formats/label_map';
import { readLabelMap } from '../formats/label_map';
import { readSegNpy } from '../formats/seg_npy';
import { Companions, stemsOf } from './companions';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { classOf, type Importer, type ImportSettings } from './importer';
import { type Naming, openPairs, type Pair, pairUp } from './labels';

const NAMING: Naming = { suffixes: ['_cp_masks', '_masks'], folders: [], imageSuffixes: ['_img'] };
const PICKLE = '_seg.npy';

/** What Cellpose saves. */
export const cellpose: Importer = {
  name: 'cellpose',
  reads: 'masks that Cellpose saved: name_masks.tif, name_cp_masks.png, name_seg.npy',
  sources: ['src'],
  settings: ['className'],
  open: ([src], settings, notes) => openCellpose(src, settings, notes),
};

/**
 * What Cellpose saves beside an image: `name_masks.tif`, `name_cp_masks.png`, else `name_seg.npy`, a pickle from which
 * the masks alone are taken and nothing is run. One class.
 */
export function openCellpose(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const quiet = { add: () => undefined } as unknown as ImportNotes;
  const masks = pairUp(dir, NAMING, quiet);
  const paired = new Set(masks.map(({ file }) => file));
  const companions = new Companions(dir);
  const pickled: Pair[] = [];
  for (const { id, file } of findImages(dir, (name) => !/_(cp_)?masks$/i.test(path.parse(name).name))) {
    if (paired.has(file)) continue;
    const pickle = companions.nearest(
      file,
      stemsOf(file).map((stem) => `${stem}${PICKLE}`),
    );
    if (pickle) pickled.push({ id, file, labels: [pickle] });
    else notes.add('image without a label image: left out', path.relative(dir, file));
  }
  const pairs = requireSome(
    [...masks, ...pickled].sort((a, b) => (a.id < b.id ? -1 : 1)),
    dir,
    'image with a _masks.tif, _cp_masks.png or _seg.npy beside it',
  );
  return openPairs(pairs, [classOf(settings)], settings, () => 1, readMasks);
}

async function readMasks({ labels: [file] }: Pair, { plane }: ImportSettings): Promise<ReadLabels> {
  if (file.toLowerCase().endsWith('.npy')) return readSegNpy(file);
  return await readLabelMap(file, { allowEmpty: true, colours: 'grey', plane });
}
