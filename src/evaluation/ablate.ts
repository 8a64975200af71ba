import { type Instances, selectInstances } from '../geometry/instances';
import { REPORT_BOUNDARY } from '../inference/postprocess/boundary';
import { DEFAULT_MASK_NMS } from '../inference/postprocess/mask_nms';
import { REPORT_MORPHOLOGY } from '../inference/postprocess/morphology';
import { type RefineSettings, refine } from '../inference/postprocess/refine';
import { applyThresholds, REPORT_SIZE_SCORE } from '../inference/postprocess/scores';
import { GUIDED_SOFT_MASK } from '../inference/postprocess/soft_masks';
import type { PredictOptions } from '../inference/predictor';
import { DEFAULT_VIEWS } from '../inference/test_time_augmentation';
import { sweepThresholds } from '../metrics/analysis/threshold_sweep';
import { detectionsOf } from '../metrics/evaluation_image';
import type { Headline } from '../metrics/headline';
import type { PairedInterval } from '../metrics/statistics/interval';
import { type Compared, compareEvaluations } from './analyse';

/** What one step between the model and the answer does to the numbers of a data set. */
export interface Ablation {
  readonly step: string;
  /** Its values, in words. */
  readonly setting: string;
  /** Whether an answer goes through it unless asked otherwise. */
  readonly byDefault: boolean;
  /** `b - a`: with the step less without it, paired by image, intervals over groups. */
  readonly effects: Readonly<Record<Headline, PairedInterval>>;
}

/** The same before it is compared: the answers without the step and with it. */
export interface AblationAnswers extends Omit<Ablation, 'effects'> {
  readonly without: Compared;
  readonly with: Compared;
  /** How the answer with the step is made of all images together, where it looks at other groups. */
  readonly acrossGroups?: (all: Compared) => Compared;
}

/**
 * What each step does, over the images of all the models that were tried (the folds of a study): one list of answers each.
 * The intervals are over groups, for these trained models.
 */
export function compareAblations(models: readonly (readonly AblationAnswers[])[]): Ablation[] {
  const [first = []] = models;
  return first.map(({ step, setting, byDefault, acrossGroups }, i) => {
    const without = joinCompared(models.map((answers) => answers[i].without));
    const joined = acrossGroups?.(without) ?? joinCompared(models.map((answers) => answers[i].with));
    return { step, setting, byDefault, effects: compareEvaluations(without, joined) };
  });
}

/** Answers for several sets of images as one: they count alike. */
function joinCompared(parts: readonly Compared[]): Compared {
  return {
    ...parts[0],
    set: { groundTruth: parts.flatMap(({ set }) => set.groundTruth) },
    predictions: parts.flatMap(({ predictions }) => predictions),
  };
}

/** An answer and the score from which it counts for PQ, AJI and F1. */
interface Answer {
  readonly predictions: readonly Instances[];
  readonly thresholds: readonly number[];
}

type Predict = (how: PredictOptions) => readonly Instances[];

/**
 * Each step with and without, everything else as it is by default. Without sub-pixel masks they are pasted as torchvision
 * does; thresholds are chosen by F1 on the other groups, never on the images that they are tried on.
 */
export function ablationAnswers(
  base: Compared,
  predict: Predict,
  { tta = false, only }: { readonly tta?: boolean; readonly only?: readonly string[] },
): AblationAnswers[] {
  const own: Answer = { predictions: base.predictions, thresholds: base.about.thresholds };
  const row = (
    step: string,
    setting: string,
    made: () => readonly [a: Answer, b: Answer],
    more: Partial<AblationAnswers> = {},
  ): AblationAnswers[] => {
    if (only && !only.includes(step)) return [];
    const [a, b] = made();
    return [
      { step, setting, byDefault: false, without: withAnswer(base, a), with: withAnswer(base, b), ...more },
    ];
  };
  const step = (settings: Partial<RefineSettings>): Answer => ({
    ...own,
    predictions: own.predictions.map((instances) => refine(instances, settings)),
  });
  // As in a label map: what is too uncertain to count takes no pixels.
  const amongCounted = (settings: Partial<RefineSettings>): Answer => ({
    ...own,
    predictions: own.predictions.map((instances) => {
      const counts = (i: number): boolean => instances.scores[i] >= own.thresholds[instances.labels[i] - 1];
      const rows = [...instances.labels.keys()];
      const others = selectInstances(
        instances,
        rows.filter((i) => !counts(i)),
      );
      return joinInstances(refine(selectInstances(instances, rows.filter(counts)), settings), others);
    }),
  });
  const views = tta ? DEFAULT_VIEWS : undefined;
  const drawn = (masks: PredictOptions['masks']): Answer => ({
    ...own,
    predictions: predict({ masks, views }),
  });
  const unguided = (): Answer => drawn({ ...GUIDED_SOFT_MASK, guide: 0 });
  const { close, open } = REPORT_MORPHOLOGY;
  const byDefault = true;
  return [
    row('sub-pixel masks', `boxes wider by ${GUIDED_SOFT_MASK.margin} px`, () => [drawn(null), unguided()], {
      byDefault,
    }),
    row('image-guided border', `log odds of colour x ${GUIDED_SOFT_MASK.guide}`, () => [unguided(), own], {
      byDefault,
    }),
    row('class thresholds', 'best F1 on the other groups', () => [own, crossThresholds(base)], {
      acrossGroups: (all) => withAnswer(all, crossThresholds(all)),
    }),
    row('size-aware score', describeSizes(), () => [own, step({ sizeScore: REPORT_SIZE_SCORE })]),
    row('morphology', `close ${close}, open ${open}`, () => [own, step({ morphology: REPORT_MORPHOLOGY })]),
    row('boundary', `largest piece under ${REPORT_BOUNDARY.largestUnder} px, holes filled`, () => [
      own,
      step({ boundary: REPORT_BOUNDARY }),
    ]),
    row('the report’s refinement', 'size-aware score, morphology and boundary together', () => [
      own,
      step({ sizeScore: REPORT_SIZE_SCORE, morphology: REPORT_MORPHOLOGY, boundary: REPORT_BOUNDARY }),
    ]),
    row(
      'mask NMS',
      `IoU ${DEFAULT_MASK_NMS.within} within, ${DEFAULT_MASK_NMS.across} across classes`,
      () => [own, step({ maskNms: DEFAULT_MASK_NMS })],
    ),
    row('overlaps to the higher score', 'of cells that count', () => [
      own,
      amongCounted({ overlaps: 'score' }),
    ]),
    row('overlaps split', 'of cells that count', () => [own, amongCounted({ overlaps: 'split' })]),
    ...(tta
      ? [
          row('test-time augmentation', `${DEFAULT_VIEWS.length} views`, () => [
            { ...own, predictions: predict({}) },
            own,
          ]),
        ]
      : []),
  ].flat();
}

function joinInstances(a: Instances, b: Instances): Instances {
  return {
    ...a,
    boxes: Float32Array.of(...a.boxes, ...b.boxes),
    scores: Float32Array.of(...a.scores, ...b.scores),
    labels: Int32Array.of(...a.labels, ...b.labels),
    masks: [...a.masks, ...b.masks],
  };
}

function withAnswer(base: Compared, { predictions, thresholds }: Answer): Compared {
  return { ...base, predictions, about: { ...base.about, thresholds } };
}

/** Detections under thresholds that were chosen without their own group; what is left counts whatever its score. */
function crossThresholds({ set, predictions, about }: Compared): Answer {
  const groupOf = set.groundTruth.map(({ group, id }) => group ?? id);
  const classes = about.classes.length;
  const kept = [...predictions];
  for (const group of new Set(groupOf)) {
    const others = [...groupOf.keys()].filter((i) => groupOf[i] !== group);
    const sweeps = sweepThresholds(
      others.map((i) => set.groundTruth[i]),
      others.map((i) => detectionsOf(predictions[i])),
      { classes },
    );
    const thresholds = about.thresholds.map((value, k) => sweeps[k].best ?? value);
    for (const [i, name] of groupOf.entries())
      if (name === group) kept[i] = applyThresholds(predictions[i], thresholds);
  }
  return { predictions: kept, thresholds: about.classes.map(() => 0) };
}

function describeSizes(): string {
  return REPORT_SIZE_SCORE.steps.map(({ share, factor }) => `x ${factor} under ${100 * share} %`).join(', ');
}
