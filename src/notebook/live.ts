import * as fs from 'node:fs';
import * as path from 'node:path';
import { PACKAGE_ROOT } from '../core/package_root';
import { formatDuration } from '../core/progress';
import { recordToSample } from '../data/record';
import { predict } from '../inference/predict_image';
import { accuracyFigure, lossFigure } from '../plots/curves';
import type { Figure } from '../plots/figure';
import { contoursOf, drawPanels } from '../plots/overlay';
import { escapeXml } from '../plots/svg';
import { curvePoints } from '../report/sections';
import type { RunHandle } from '../runs/executors/executor';
import { loadModel } from '../runs/load_model';
import { RunFolder } from '../runs/run_folder';
import type { RunState } from '../runs/run_list';
import { openTrainingData } from '../training/data';
import { stepsOf } from '../training/metrics_log';

interface Screen {
  html(data: string): void;
  png(data: Uint8Array): void;
  raw(mimeType: string, data: unknown): void;
}

const PLOTLY = 'application/vnd.plotly.v1+json';
/** What the button of the view leaves in the run folder: through the notebook's server, since the kernel waits here. */
const STOP = 'stop-asked-for.txt';
/** Between two drawings of the curves, and of the prediction. */
const CURVES_MS = 2_000;
const PREDICTION_MS = 20_000;

/**
 * A run that trains elsewhere, in place until it ends: name, progress, a button to stop it, losses and AP50 to hover over,
 * and what its last checkpoint finds in one validation image. Resolves with its last state.
 */
export async function showLive(run: RunHandle): Promise<RunState> {
  const { newDisplay } = require('tslab') as { newDisplay: () => Screen };
  const [head, progress, losses, accuracy, prediction] = Array.from({ length: 5 }, newDisplay);
  const stop = path.join(run.dir, STOP);
  fs.rmSync(stop, { force: true });
  const name = nameOfRun(run);
  let [drawn, drawnAt] = [-1, 0];
  let asked = false;
  const images = new LivePrediction(run.dir);
  head.html(heading(name, run.dir));
  const drawCurves = (): void => {
    const metrics = run.metrics();
    const [steps, validations] = [stepsOf(metrics), curvePoints(metrics)];
    if (steps.length > 1) losses.raw(PLOTLY, compact(lossFigure(steps, validations, `Losses of ${name}`)));
    if (validations.length > 1) accuracy.raw(PLOTLY, compact(accuracyFigure(validations, `AP50 of ${name}`)));
  };
  const last = await run.finished((state) => {
    if (!asked && fs.existsSync(stop)) {
      asked = true;
      run.stop().catch(() => {});
    }
    if (state.steps === drawn && state.state === 'running') return;
    drawn = state.steps;
    progress.html(progressBar(state));
    if (Date.now() - drawnAt < CURVES_MS) return;
    drawnAt = Date.now();
    drawCurves();
    void images.draw(prediction);
  });
  fs.rmSync(stop, { force: true });
  head.html(`<b>${escapeXml(name)}</b>`);
  progress.html(progressBar(last));
  drawCurves();
  await images.finish(prediction);
  return last;
}

function nameOfRun({ dir }: RunHandle): string {
  const { experiment, variant, config } = new RunFolder(dir).describe();
  return `${experiment} ${variant}, seed ${config.seed}`;
}

const compact = (figure: Figure): Figure => ({ ...figure, layout: { ...figure.layout, height: 300 } });

function progressBar({ state, steps, totalSteps, AP50, subset, secondsLeft }: RunState): string {
  const words = [
    state,
    `step ${steps}${totalSteps === null ? '' : ` of ${totalSteps}`}`,
    AP50 === null ? '' : `AP50 ${AP50.toFixed(3)}${subset ? ` of ${subset}` : ''}`,
    secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left`,
  ];
  const bar =
    totalSteps === null
      ? ''
      : `<progress max="${totalSteps}" value="${steps}" aria-label="steps" style="width:16em;vertical-align:middle;margin-right:1em"></progress>`;
  return `${bar}${escapeXml(words.filter(Boolean).join('   '))}`;
}

/** The name of the run with a button that asks for its end. It needs the notebook's server to see the run folder. */
function heading(name: string, dir: string): string {
  const title = `<b>${escapeXml(name)}</b>`;
  const inside = path.relative(PACKAGE_ROOT, dir);
  if (inside.startsWith('..') || path.isAbsolute(inside)) return title;
  const file = [...inside.split(path.sep), STOP].map(encodeURIComponent).join('/');
  const terminal = `in a terminal: npx cytobench stop ${path.basename(dir)}`;
  const script = [
    'const button = this;',
    "const page = JSON.parse(document.getElementById('jupyter-config-data')?.textContent ?? '{}');",
    "const token = page.token ? { Authorization: 'token ' + page.token } : {};",
    "const xsrf = /_xsrf=([^;]+)/.exec(document.cookie)?.[1] ?? '';",
    `fetch((page.baseUrl ?? '/') + 'api/contents/${file}', {`,
    "  method: 'PUT', headers: { 'Content-Type': 'application/json', 'X-XSRFToken': xsrf, ...token },",
    "  body: JSON.stringify({ type: 'file', format: 'text', content: '' }),",
    '}).then((answer) => answer.ok).catch(() => false).then((ok) => {',
    "  button.disabled = ok; button.textContent = ok ? 'stopping, with a checkpoint' : button.dataset.other;",
    '});',
  ].join(' ');
  return `${title} <button type="button" style="margin-left:1em" data-other="${escapeXml(terminal)}" onclick="${escapeXml(script)}">stop</button>`;
}

/** What the last checkpoint finds in the first validation image, drawn when there is a new one. */
class LivePrediction {
  private seen = 0;
  private drawnAt = 0;
  private drawing: Promise<void> | null = null;

  constructor(private readonly dir: string) {}

  /** Never throws: the training goes on without a picture. */
  async draw(screen: Screen): Promise<void> {
    if (this.drawing || Date.now() - this.drawnAt < PREDICTION_MS) return;
    this.drawing = this.drawNew(screen);
    await this.drawing;
    this.drawing = null;
    this.drawnAt = Date.now();
  }

  /** Draws what the last checkpoint of all finds. */
  async finish(screen: Screen): Promise<void> {
    await this.drawing;
    await this.drawNew(screen);
  }

  private async drawNew(screen: Screen): Promise<void> {
    const file = path.join(this.dir, 'checkpoints', 'last.safetensors');
    const changed = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed === this.seen) return;
    try {
      screen.png(await drawCheckpoint(this.dir));
      this.seen = changed;
    } catch {
      // A checkpoint that is being replaced, or a model that finds nothing yet.
    }
  }
}

async function drawCheckpoint(dir: string): Promise<Buffer> {
  const { config, split, classes, channelOrder } = new RunFolder(dir).describe();
  const dataset = await openTrainingData(config);
  const id = split.val[0] ?? split.train[0];
  const sample = recordToSample(await dataset.load(id));
  const loaded = loadModel(dir, { checkpoint: 'last' });
  try {
    const { instances } = await predict(loaded, sample, { threshold: 0 });
    const shown = contoursOf(instances, SHOWN_SCORE);
    return await drawPanels(
      sample,
      [
        { title: `${id}: ${sample.labels.length} cells`, contours: sample },
        { title: `found at ${SHOWN_SCORE} so far: ${shown.masks.length}`, contours: shown },
      ],
      { classes, channelOrder, scale: Math.max(1, Math.round(300 / sample.width)) },
    );
  } finally {
    loaded.model.dispose();
  }
}

/** Score from which cells are drawn while a model learns. */
const SHOWN_SCORE = 0.4;
