import { DataError } from '../../core/errors';
import { checkedLabels, type LabelMap } from '../formats/label_map';
import { type MatMatrix, readMat } from '../formats/mat';
import { Companions, stemsOf } from './companions';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { classOf, type Importer, type ImportSettings, requireSameSize, SourceImages } from './importer';

/** CoNSeP as published; HoVer-Net's files have the same matrices. */
export const consep: Importer = {
  name: 'consep',
  reads: 'CoNSeP, HoVer-Net: MATLAB files with inst_map and type_map, of the name of their image',
  sources: ['src'],
  settings: ['className'],
  open: ([src], settings, notes) => openConsep(src, settings, notes),
};

/** Names of CoNSeP's types 1 to 7, from its own README. */
const CONSEP = [
  'other',
  'inflammatory',
  'healthy epithelial',
  'dysplastic/malignant epithelial',
  'fibroblast',
  'muscle',
  'endothelial',
];

interface Labelled {
  readonly file: string;
  readonly mat: string;
}

/**
 * Images with a `.mat` of the same name anywhere in the tree: `inst_map` numbers the cells, `type_map` (or `inst_type`)
 * gives their classes. Seven types are named as CoNSeP names them, others `type1` …; without types all are one class.
 */
export function openConsep(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const companions = new Companions(dir);
  const found = new Map<string, Labelled>();
  for (const { id, file } of findImages(dir)) {
    const mat = companions.nearest(
      file,
      stemsOf(file).map((stem) => `${stem}.mat`),
    );
    if (mat) found.set(id, { file, mat });
    else notes.add('image without a .mat of its name: left out', id);
  }
  requireSome([...found.keys()], dir, 'image with a .mat of its name');
  let highest = 0;
  for (const { mat } of found.values()) {
    const matrices = readMat(mat);
    for (const value of (matrices.get('type_map') ?? matrices.get('inst_type'))?.data ?? [])
      if (value > highest) highest = value;
  }
  const classes =
    highest === 0
      ? [classOf(settings)]
      : Array.from({ length: Math.min(highest, 64) }, (_, i) =>
          highest === CONSEP.length ? CONSEP[i] : `type${i + 1}`,
        );
  const source = new SourceImages(
    [...found.values()].map(({ file }) => file),
    settings,
  );
  return {
    ids: [...found.keys()],
    classes,
    channelOrder: settings.channelOrder ?? 'rgb',
    load: async (id, own) => {
      const { file, mat } = found.get(id) as Labelled;
      const { data: image, width, height } = await source.load(file, id, own);
      const matrices = readMat(mat);
      const instances = matrices.get('inst_map');
      if (!instances) throw new DataError('holds no inst_map', { where: mat });
      requireSameSize(mat, { width: instances.columns, height: instances.rows }, { width, height });
      const labels = checkedLabels(mat, { data: byRows(instances), width, bits: 64, kind: 'float' });
      const typeOf = typesOf(labels, matrices, highest, id, own);
      const labelMaps: (LabelMap | null)[] = classes.map(() => null);
      for (let p = 0; p < labels.length; p++) {
        const type = labels[p] === 0 ? 0 : typeOf(labels[p]);
        if (type < 1 || type > classes.length) continue;
        let map = labelMaps[type - 1];
        if (!map) {
          map =
            labels instanceof Uint16Array ? new Uint16Array(labels.length) : new Int32Array(labels.length);
          labelMaps[type - 1] = map;
        }
        map[p] = labels[p];
      }
      return { id, width, height, image, labelMaps, ignore: null };
    },
    info: (own) => source.finish(own),
  };
}

/** Row by row, where MATLAB stores column by column. */
function byRows({ rows, columns, data }: MatMatrix): Float64Array {
  return data.map((_, p) => data[(p % columns) * rows + Math.floor(p / columns)]);
}

/** The type of each cell: that of most of its pixels, or of the list by number. Cells without one are noted. */
function typesOf(
  labels: LabelMap,
  matrices: ReadonlyMap<string, MatMatrix>,
  highest: number,
  id: string,
  notes: ImportNotes,
): (value: number) => number {
  if (highest === 0) return () => 1;
  const map = matrices.get('type_map');
  const list = matrices.get('inst_type');
  const types = new Map<number, number>();
  if (map && map.data.length === labels.length) {
    const values = byRows(map);
    const votes = new Map<number, number[]>();
    for (let p = 0; p < labels.length; p++) {
      if (labels[p] === 0) continue;
      let own = votes.get(labels[p]);
      if (!own) {
        own = new Array<number>(highest + 1).fill(0);
        votes.set(labels[p], own);
      }
      own[values[p]] = (own[values[p]] ?? 0) + 1;
    }
    for (const [value, own] of votes) types.set(value, own.indexOf(Math.max(...own.slice(1)), 1));
    for (const [value, own] of votes)
      if (Math.max(...own.slice(1)) === 0) {
        types.set(value, 0);
        notes.add('cell without a type: left out', `${id}, number ${value}`);
      }
  } else if (list) {
    // One type for each number, in the order of the numbers.
    [...new Set(labels)]
      .filter((value) => value !== 0)
      .sort((a, b) => a - b)
      .forEach((value, i) => {
        types.set(value, list.data[i] ?? 0);
      });
  }
  return (value) => types.get(value) ?? 0;
}
