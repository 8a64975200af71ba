import { cellpose } from './cellpose';
import { coco } from './coco';
import { consep } from './consep';
import { imagej } from './imagej';
import type { Importer } from './importer';
import { labels } from './labels';
import { monusac, monuseg } from './monusac';
import { pannuke } from './pannuke';
import { qupath } from './qupath';

/** Every kind of annotations that `data import` converts. One more is its file and a line here. */
export const IMPORTERS: readonly Importer[] = [
  monusac,
  monuseg,
  coco,
  labels,
  cellpose,
  qupath,
  imagej,
  pannuke,
  consep,
];
