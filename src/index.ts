// What a notebook imports: import { … } from 'cytobench'.
export { CytobenchError } from './core/errors';
export { AUGMENTATION_LEVELS, type Augmentation } from './data/augmentation/levels';
export type { Transform } from './data/augmentation/transforms';
export { cellAreas } from './data/cell_areas';
export { type Dataset, openDataset } from './data/dataset';
export { recordToSample } from './data/record';
export type { Sample } from './data/sample';
export { checkSplit } from './data/split/check_split';
export { defaultGroupBy, parseGroupBy } from './data/split/groups';
export { makeSplit } from './data/split/make_split';
export { surveyDataset } from './data/split/survey';
export { syntheticDataset } from './data/synth/synthesize';
export { resolveConfig } from './engine/config/resolve';
export type { Experiment, ExperimentConfig } from './engine/config/types';
export { type Ablation, ablate } from './engine/evaluation/ablate';
export { type Analysis, analyse, compareEvaluations } from './engine/evaluation/analyse';
export { type Evaluation, evaluateRun } from './engine/evaluation/evaluate';
export { experimentNames, findExperiment } from './engine/experiments';
export { type LoadedModel, loadModel } from './engine/model/load_model';
export { Predictor } from './engine/prediction/predict';
export { type PredictedPicture, predict } from './engine/prediction/predict_image';
export { attachRun, type RunHandle, type StartOptions, startRun } from './engine/run/child_run';
export { epochsOf, type Metrics, RunFolder, stepsOf } from './engine/run/run_folder';
export { listRuns, type RunState } from './engine/run/run_list';
export { type FinishedRun, resumeRun, type TrainRunOptions, trainRun } from './engine/run/train_run';
export { runStudy, type Study } from './engine/study/run_study';
export type { CellSummary } from './metrics/cell_summary';
export { matchCoco } from './metrics/coco';
export { type CocoSummary, precisionRecallCurve } from './metrics/coco_summary';
export { detectionsOf } from './metrics/evaluation_image';
export { formatInterval, type Interval } from './metrics/interval';
export { type ClassSweep, sweepThresholds, thresholdGrid } from './metrics/sweep';
export { sizeFigure } from './plots/data_figures';
export {
  confusionFigure,
  foundFigure,
  intervalFigure,
  precisionRecallFigure,
  thresholdFigure,
} from './plots/evaluation_figures';
export type { Figure } from './plots/figure';
export { accuracyFigure, lossFigure, rateFigure } from './plots/loss_curves';
export { showFigure, showHtml, showPng, showStatic } from './plots/notebook';
export { drawPanels } from './plots/overlay';
export { refine } from './postprocess/refine';
export { curvePoints } from './report/curve_points';
export {
  ablationTable,
  cellTable,
  claimTable,
  classTable,
  countTable,
  imageTable,
  stepTable,
  thresholdTable,
  variantTable,
} from './report/data_frames';
export { drawCell, foundTable } from './report/found_table';
export { showLive } from './report/live';
export { openStudy } from './report/notebook_study';
export {
  drawEvaluated,
  drawExamples,
  drawOverlay,
  gallery,
  showOverlay,
  worstAndBest,
} from './report/pictures';
export { previewSheet } from './report/preview_sheet';
export { showTable } from './report/show_table';
export { viewerFrame, viewerHtml } from './report/viewer/viewer_page';
export type { Instances } from './structures/instances';
