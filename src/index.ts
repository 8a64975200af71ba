// What a notebook imports: import { … } from 'cytobench'.

export type { Experiment } from './config/experiment';
export { experimentNames, findExperiment } from './config/experiments';
export { resolveConfig } from './config/resolve';
export type { ExperimentConfig } from './config/schema';
export { CytobenchError } from './core/errors';
export { cellAreas, type Dataset, openDataset } from './data/dataset';
export type { Sample } from './data/record';
export { recordToSample } from './data/record';
export { checkSplit } from './data/splits/check_split';
export { defaultGroupBy, parseGroupBy } from './data/splits/groups';
export { makeSplit } from './data/splits/make_split';
export { surveyDataset } from './data/splits/survey';
export { syntheticDataset } from './data/synthetic/synthesize';
export type { Transform } from './data/transforms/transforms';
export { AUGMENTATION_LEVELS, type Augmentation } from './data/transforms/transforms';
export { type Ablation, ablationAnswers, compareAblations } from './evaluation/ablate';
export { type Analysis, analyse, compareEvaluations } from './evaluation/analyse';
export { type Evaluation, evaluateRun } from './evaluation/evaluate';
export type { Instances } from './geometry/instances';
export { refine } from './inference/postprocess/refine';
export { type PredictedImage, predict } from './inference/predict_image';
export { Predictor } from './inference/predictor';
export { type ClassSweep, sweepThresholds, thresholdGrid } from './metrics/analysis/threshold_sweep';
export type { CellSummary } from './metrics/cells/summary';
export { matchCoco } from './metrics/coco/evaluate';
export { type CocoSummary, precisionRecallCurve } from './metrics/coco/summary';
export { detectionsOf } from './metrics/evaluation_image';
export { formatInterval, type Interval } from './metrics/statistics/interval';
export type { LoadedModel } from './models/weights/portable';
export { detectionTable, drawCell } from './notebook/detection_table';
export {
  showCurves,
  showFigure,
  showGallery,
  showHtml,
  showOverlay,
  showPng,
  showStatic,
  showTable,
  showViewer,
} from './notebook/display';
export { showLive } from './notebook/live';
export { openStudy } from './notebook/study';
export {
  ablationTable,
  appliedTable,
  cellTable,
  claimTable,
  classTable,
  countTable,
  curveTable,
  imageTable,
  stepTable,
  thresholdTable,
  variantTable,
} from './notebook/tables';
export { accuracyFigure, lossFigure, rateFigure } from './plots/curves';
export {
  confusionFigure,
  intervalFigure,
  precisionRecallFigure,
  recallFigure,
  sizeFigure,
  thresholdFigure,
} from './plots/evaluation_figures';
export type { Figure } from './plots/figure';
export { drawPanels } from './plots/overlay';
export { describeStudy, differenceFigure } from './report/experiment_page';
export {
  drawEvaluated,
  drawExamples,
  drawOverlay,
  gallery,
  previewSheet,
  worstAndBest,
} from './report/images';
export { curvePoints } from './report/sections';
export { viewerFrame, viewerHtml } from './report/viewer/viewer_page';
export type { RunHandle, StartOptions } from './runs/executors/executor';
export { attachRun, startRun } from './runs/executors/executors';
export { type FinishedRun, resumeRun, type TrainRunOptions, trainRun } from './runs/executors/in_process';
export { loadModel } from './runs/load_model';
export { RunFolder } from './runs/run_folder';
export { listRuns, type RunState } from './runs/run_list';
export { planStudy } from './studies/plan';
export { openRecord, readRecord, recordNames } from './studies/record';
export { runStudy } from './studies/run_study';
export type { Study } from './studies/study';
export { openTrainingData } from './training/data';
export { epochsOf, type Metrics, stepsOf } from './training/metrics_log';
