import type { DataFrame } from 'danfojs-node';
import type { PredictedPicture } from '../engine/predict_image';
import { cellColumns, cellValues, measureCells } from './cell_table';

/** One row a cell, the columns of `cells.csv`: class, score, place, size and form, colours; micrometres where known. */
export function cellTable(predicted: PredictedPicture): DataFrame {
  const { id, instances, classes, channelOrder, pixelSize } = predicted;
  const micrometres = pixelSize !== undefined;
  const columns = cellColumns(micrometres);
  const rows = measureCells(instances, predicted, classes, channelOrder).map((row) =>
    cellValues(id, row, micrometres, pixelSize),
  );
  // Loaded when it is asked for: it takes a second, and most commands make no table.
  const danfo = require('danfojs-node') as typeof import('danfojs-node');
  return new danfo.DataFrame(Object.fromEntries(columns.map((name, c) => [name, rows.map((row) => row[c])])));
}
