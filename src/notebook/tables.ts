import { inspect } from 'node:util';
import type { DataFrame } from 'danfojs-node';
import type { Dataset } from '../data/dataset';
import type { Survey } from '../data/splits/survey';
import type { Evaluation } from '../evaluation/evaluate';
import type { PredictedImage } from '../inference/predict_image';
import type { ClassSweep } from '../metrics/analysis/threshold_sweep';
import { HEADLINE, type Headline } from '../metrics/headline';
import { cellColumns, cellValues, measureCells } from '../report/cell_table';
import type { RunCurves, Study } from '../studies/study';
import { type Metrics, stepsOf } from '../training/metrics_log';

/** One row a cell, the columns of `cells.csv`: class, score, place, size and form, colours; micrometres where known. */
export function cellTable(predicted: PredictedImage): DataFrame {
  const { id, instances, classes, channelOrder, pixelSize } = predicted;
  const micrometres = pixelSize !== undefined;
  const columns = cellColumns(micrometres);
  const rows = measureCells(instances, predicted, classes, channelOrder).map((row) =>
    cellValues(id, row, micrometres, pixelSize),
  );
  return frame(Object.fromEntries(columns.map((name, c) => [name, rows.map((row) => row[c])])));
}

/** One row an image: its cells of each class, whatever their size. */
export function countTable({ classes }: Dataset, { ids, counts }: Survey): DataFrame {
  return frameOf(
    ids.map((id) => ({
      image: id,
      ...Object.fromEntries(classes.map((name, c) => [name, counts.get(id)?.[c] ?? 0])),
    })),
  );
}

/** One row a step, counted from 1 as in the curves: the five losses, their sum, learning rate, norm of the gradient, seconds. */
export function stepTable(metrics: readonly Metrics[]): DataFrame {
  const steps = stepsOf(metrics);
  return frameOf(
    steps.map(({ step, epoch, losses, total, learningRate, gradientNorm, seconds }) => ({
      step: step + 1,
      epoch: epoch + 1,
      ...losses,
      total,
      learningRate,
      gradientNorm,
      seconds,
    })),
  );
}

/** One row a point of a run's curves, steps counted from 1: the losses, their sum, the learning rate. */
export function curveTable({ steps }: RunCurves): DataFrame {
  return frameOf(
    steps.map(({ step, total, losses, learningRate }) => ({
      step: step + 1,
      ...losses,
      total,
      learningRate,
    })),
  );
}

/** One row a class: AP, AP50, PQ, F1, cells there. */
export function classTable({ segm, cells, about, set }: Evaluation): DataFrame {
  return frameOf(
    about.classes.map((name, k) => ({
      class: name,
      AP50: segm.perClass[k].AP50,
      AP: segm.perClass[k].AP,
      PQ: cells.perClass[k].pq ?? Number.NaN,
      F1: cells.perClass[k].f1 ?? Number.NaN,
      cells: set.groundTruth.reduce(
        (sum, { labels }) => sum + labels.filter((label) => label === k + 1).length,
        0,
      ),
    })),
  );
}

/** One row an image: cells there, AP50. */
export function imageTable({ ids, set, perImage }: Evaluation): DataFrame {
  return frameOf(
    ids.map((id, i) => ({
      image: id,
      group: set.groundTruth[i].group ?? id,
      cells: set.groundTruth[i].labels.length,
      AP50: perImage[i],
    })),
  );
}

/**
 * One row a variant and metric: value, interval, difference to the first variant with its own.
 * @param metric AP50, AP, PQ, F1 or AJI alone. Default: all.
 */
export function variantTable({ comparison }: Study, metric?: Headline): DataFrame {
  const rows = comparison.rows.filter((row) => metric === undefined || row.metric === metric);
  return frameOf(
    rows.map(({ variant, metric, interval, difference }) => ({
      variant,
      metric,
      value: interval.value ?? Number.NaN,
      low: interval.low ?? Number.NaN,
      high: interval.high ?? Number.NaN,
      difference: difference?.value ?? 0,
      differenceLow: difference?.low ?? Number.NaN,
      differenceHigh: difference?.high ?? Number.NaN,
      groups: interval.groups,
      shown: difference?.shown ?? false,
    })),
  );
}

/** What each variant asked of some settings and what was read back from its live run: one row a variant and setting. */
export function appliedTable({ findings }: Study, keys: readonly string[]): DataFrame {
  return frameOf(
    findings.settings.flatMap(({ variant, sameAs, applied }) =>
      applied
        .filter(({ key }) => keys.includes(key))
        .map(({ key, requested, applied: found, ok }) => ({
          variant: sameAs === null ? variant : `${variant} (the run of ${sameAs})`,
          setting: key,
          requested: JSON.stringify(requested),
          applied: JSON.stringify(found),
          acts: ok,
        })),
    ),
  );
}

/** What the report claimed and what was found: one row a claim. */
export function claimTable({ comparison }: Study): DataFrame {
  return frameOf(
    comparison.claims.map(({ variant, against, claimed, difference, verdict, because }) => ({
      variant,
      against,
      claimed,
      found: difference.value ?? Number.NaN,
      verdict,
      because,
    })),
  );
}

/** One row a threshold of a class. */
export function thresholdTable({ curve }: ClassSweep): DataFrame {
  return frameOf(
    curve.map(({ threshold, precision, recall, f1, pq, ap50 }) => ({
      threshold,
      precision: precision ?? Number.NaN,
      recall: recall ?? Number.NaN,
      F1: f1 ?? Number.NaN,
      PQ: pq ?? Number.NaN,
      AP50: ap50 ?? Number.NaN,
    })),
  );
}

/** One row a step of post-processing: what it does to each headline number, of one evaluation or of a study's models. */
export function ablationTable(of: Evaluation | Study): DataFrame {
  const ablation = ('findings' in of ? of.findings.refinement : of.ablation) ?? [];
  return frameOf(
    ablation.map(({ step, setting, byDefault, effects }) => ({
      step,
      setting,
      byDefault,
      ...Object.fromEntries(HEADLINE.map(({ key }) => [key, effects[key].value ?? Number.NaN])),
      AP50low: effects.AP50.low ?? Number.NaN,
      AP50high: effects.AP50.high ?? Number.NaN,
    })),
  );
}

type Row = Readonly<Record<string, string | number | boolean>>;

/** One row an object, its keys the columns. */
export function frameOf(list: readonly Row[]): DataFrame {
  const names = Object.keys(list[0] ?? {});
  return frame(Object.fromEntries(names.map((name) => [name, list.map((row) => row[name])])));
}

function frame(columns: Readonly<Record<string, readonly unknown[]>>): DataFrame {
  // Loaded when it is asked for: it takes a second, and most commands make no table.
  const danfo = require('danfojs-node') as typeof import('danfojs-node');
  const { prototype } = danfo.DataFrame;
  // As the last value of a cell a table prints itself, not its fields.
  if (!(inspect.custom in prototype))
    Object.defineProperty(prototype, inspect.custom, {
      value(this: DataFrame) {
        return this.shape[0] === 0 ? 'an empty table' : this.toString();
      },
    });
  // Nothing was found: an object without columns it does not take.
  return new danfo.DataFrame(Object.keys(columns).length === 0 ? [] : columns);
}
