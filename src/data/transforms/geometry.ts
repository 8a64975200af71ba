// A step maps a point of its output to a point of its input; pixel centres are whole numbers.
import type { Rng } from '../../core/rng';
import { elasticField, gridAxes, gridSteps } from './distortion';
import type { BorderMode, Transform } from './transforms';

/** Whole-number turns, mirrors and shifts: x' = a x + b y + c, y' = d x + e y + f. */
export interface TurnStep {
  readonly kind: 'turn';
  readonly width: number;
  readonly height: number;
  readonly matrix: readonly [number, number, number, number, number, number];
}

/** Resizing to width x height: the sides of the images coincide, not the centres of their pixels. */
export interface ScaleStep {
  readonly kind: 'scale';
  readonly width: number;
  readonly height: number;
  readonly inputWidth: number;
  readonly inputHeight: number;
}

/** Separable distortion: column x comes from `columns[x]`, row y from `rows[y]`. */
export interface GridStep {
  readonly kind: 'grid';
  readonly width: number;
  readonly height: number;
  readonly columns: Float32Array;
  readonly rows: Float32Array;
  readonly border: BorderMode;
  readonly fill: number;
}

/** (x, y) comes from (x + dx, y + dy). */
export interface DisplacementStep {
  readonly kind: 'displacement';
  readonly width: number;
  readonly height: number;
  /** [height * width] pixels. */
  readonly dx: Float32Array;
  readonly dy: Float32Array;
  readonly border: BorderMode;
  readonly fill: number;
}

export type GeometryStep = TurnStep | ScaleStep | GridStep | DisplacementStep;

/** Width and height of the output of one step. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Draws the parameters of a transform for an image of a size. Undefined: it is no geometry. */
export function geometryStep(transform: Transform, size: Size, rng: Rng): GeometryStep | undefined {
  const { width, height } = size;
  switch (transform.name) {
    case 'HorizontalFlip':
      return turn(width, height, [-1, 0, width - 1, 0, 1, 0]);
    case 'VerticalFlip':
      return turn(width, height, [1, 0, 0, 0, -1, height - 1]);
    case 'RandomRotate90':
      return quarterTurns(size, rng.integer(0, 4));
    case 'RandomCrop': {
      const cropWidth = Math.min(transform.width, width);
      const cropHeight = Math.min(transform.height, height);
      const x = rng.integer(0, width - cropWidth + 1);
      const y = rng.integer(0, height - cropHeight + 1);
      return turn(cropWidth, cropHeight, [1, 0, x, 0, 1, y]);
    }
    case 'Scale':
      return scaleStep(size, transform.factor);
    case 'RandomScale':
      return scaleStep(size, 1 + rng.uniform(...(transform.scaleLimit ?? [-0.1, 0.1])));
    case 'GridDistortion': {
      const {
        numSteps = 5,
        distortLimit = [-0.3, 0.3],
        normalized = true,
        borderMode = 'constant',
        fill = 0,
      } = transform;
      const steps = gridSteps(size, numSteps, distortLimit, normalized, rng);
      return { kind: 'grid', width, height, ...gridAxes(size, steps, numSteps), border: borderMode, fill };
    }
    case 'ElasticTransform': {
      const { alpha = 1, sigma = 50, borderMode = 'constant', fill = 0 } = transform;
      const dx = elasticField(size, alpha, sigma, rng);
      const dy = elasticField(size, alpha, sigma, rng);
      return { kind: 'displacement', width, height, dx, dy, border: borderMode, fill };
    }
    default:
      return undefined;
  }
}

function turn(width: number, height: number, matrix: TurnStep['matrix']): TurnStep {
  return { kind: 'turn', width, height, matrix };
}

/** `turns` quarter turns against the clock, as `np.rot90`. */
export function quarterTurns({ width, height }: Size, turns: number): TurnStep {
  if (turns === 1) return turn(height, width, [0, -1, width - 1, 1, 0, 0]);
  if (turns === 2) return turn(width, height, [-1, 0, width - 1, 0, -1, height - 1]);
  if (turns === 3) return turn(height, width, [0, 1, 0, -1, 0, height - 1]);
  return turn(width, height, [1, 0, 0, 0, 1, 0]);
}

/** One factor for both sides, to whole pixels. */
export function scaleStep({ width, height }: Size, factor: number): ScaleStep {
  return {
    kind: 'scale',
    width: Math.max(1, Math.round(width * factor)),
    height: Math.max(1, Math.round(height * factor)),
    inputWidth: width,
    inputHeight: height,
  };
}

/** Two whole-number steps as one: `second` acts on what `first` made. */
export function composeTurns(first: TurnStep, second: TurnStep): TurnStep {
  const [a, b, c, d, e, f] = first.matrix;
  const [p, q, r, s, t, u] = second.matrix;
  return turn(second.width, second.height, [
    a * p + b * s,
    a * q + b * t,
    a * r + b * u + c,
    d * p + e * s,
    d * q + e * t,
    d * r + e * u + f,
  ]);
}

/** How much larger areas become, distortions aside. */
export function areaScale(steps: readonly GeometryStep[]): number {
  let scale = 1;
  for (const step of steps)
    if (step.kind === 'scale') scale *= (step.width * step.height) / (step.inputWidth * step.inputHeight);
  return scale;
}
