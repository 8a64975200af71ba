import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../src/config/architectures';
import { networkOf } from '../../src/config/schema';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { generateImage, generateTargets } from '../../src/parity/generate';
import { binding, callsOf } from '../../src/runtime/binding';
import { captures, withCapture, withoutCapture } from '../../src/runtime/capture';
import { computeGradients } from '../../src/runtime/gradients';
import { captureReport } from '../../src/runtime/segments';
import { type Scalar, type Tensor, tf } from '../../src/runtime/tf';
import { itGivesTheSameBits } from '../same_bits';
import type { Comparison, Way } from './captured_training';

const MODELS = ARCHITECTURE_NAMES.filter((name) =>
  ['efficientnet_lite0_fpn', 'resnet18_fpn', 'resnet50_fpn', 'resnet50_fpn_v2'].includes(name),
);

/** Steps op by op and captured, from the same weights on the same images, by one thread. */
function compare(
  model: ArchitectureName,
  way: Way,
  steps: number,
  kernels: boolean,
  planted = false,
): Comparison {
  const script = path.join(__dirname, 'captured_training.js');
  const result = spawnSync(
    process.execPath,
    [script, model, way, String(steps), ...(planted ? ['planted'] : [])],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: '1', CYTOBENCH_KERNELS: kernels ? '1' : '0' },
    },
  );
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout) as Comparison;
}

function requireSame({ eager, captured, report }: Comparison): void {
  assert.deepEqual(captured.steps, eager.steps);
  assert.equal(captured.state, eager.state);
  assert.equal(report.refused, null);
  assert.ok(report.calls > 0);
  // As many tensors as without capture, and none more with every step.
  assert.deepEqual(captured.tensors, eager.tensors);
  assert.equal(captured.handles.at(-1), eager.handles.at(-1));
}

describe('captured work computes what its ops compute one by one', function () {
  this.timeout(3_600_000);

  const trains = (model: ArchitectureName, way: Way, steps: number, kernels: boolean, long = true): void => {
    const which = kernels ? 'own kernels' : "TensorFlow's ops";
    itGivesTheSameBits(
      `${long ? '[long] ' : ''}${steps} training steps, to the bit: ${model}, ${way}, ${which}`,
      () => requireSame(compare(model, way, steps, kernels)),
    );
  };
  trains('efficientnet_lite0_fpn', 'everything', 4, false, false);
  trains('resnet50_fpn_v2', 'plain', 4, true, false);
  for (const model of MODELS)
    for (const way of ['plain', 'everything', 'adamw'] as const)
      for (const kernels of [true, false]) trains(model, way, 40, kernels);

  itGivesTheSameBits('a constant that is baked in wrongly does not pass', () => {
    const found = compare('efficientnet_lite0_fpn', 'everything', 4, false, true);
    assert.throws(() => requireSame(found));
  });
});

describe('a captured prediction', () => {
  itGivesTheSameBits('finds what one op after the other finds, in images of three sizes', () => {
    const { image, ...network } = networkOf('efficientnet_lite0_fpn');
    const model = new MaskRcnn(
      { ...network, image: { ...image, resize: 'never' }, fpnChannels: 16 },
      3,
      'float32',
      true,
    );
    const calls: number[] = [];
    for (const side of [64, 96, 80, 64]) {
      const images = [{ height: side, width: side, image: generateImage(`capture:${side}`, side, side) }];
      const wanted = withoutCapture(() => model.detect(images));
      const { ops } = callsOf(() => assert.deepEqual(model.detect(images), wanted));
      calls.push(ops);
      assert.ok(wanted[0].scores.length > 0);
      const losses = (): unknown =>
        model.evaluateLosses([{ ...images[0], ...generateTargets('capture', side, side, 3) }]);
      assert.deepEqual(losses(), withoutCapture(losses));
    }
    // Backbone to proposals, boxes, and one to three groups of masks.
    assert.ok((calls.at(-1) as number) <= 8, `${calls}`);
    model.dispose();
  });
});

/** One step of a small network whose every number changes: [loss, gradient], each as values. */
function smallStep(x: Tensor, w: ReturnType<typeof tf.variable>, factor: number): [number, Float32Array] {
  const { value, grads } = computeGradients(
    () => tf.mean(tf.square(tf.sub(tf.mul(tf.matMul(x as never, w as never), factor), 1 / factor))) as Scalar,
    [w],
  );
  const [loss] = value.dataSync();
  const gradient = (grads[0] as Tensor).dataSync<'float32'>();
  tf.dispose([value, ...(grads as Tensor[])]);
  return [loss, gradient];
}

describe('capture', () => {
  it('is on where it is asked for alone', () => {
    const { CYTOBENCH_CAPTURE } = process.env;
    try {
      delete process.env.CYTOBENCH_CAPTURE;
      assert.deepEqual((['on', 'off', 'auto'] as const).map(captures), [true, false, false]);
      process.env.CYTOBENCH_CAPTURE = '1';
      assert.deepEqual((['on', 'off', 'auto'] as const).map(captures), [true, false, true]);
      process.env.CYTOBENCH_CAPTURE = '0';
      assert.equal(captures('auto'), false);
    } finally {
      if (CYTOBENCH_CAPTURE === undefined) delete process.env.CYTOBENCH_CAPTURE;
      else process.env.CYTOBENCH_CAPTURE = CYTOBENCH_CAPTURE;
    }
  });

  it('makes one function for tensors of all sizes, and takes in what changes', () => {
    const w = tf.variable(tf.ones([3, 2]));
    const before = captureReport();
    const calls: number[] = [];
    for (let step = 0; step < 8; step++) {
      const x = tf.fill([step + 1, 3], 0.1 * (step + 1));
      const factor = 1 + 0.25 * step;
      const wanted = smallStep(x, w, factor);
      const { ops } = callsOf(() => {
        const found = withCapture(true, () => smallStep(x, w, factor));
        assert.deepEqual(found, wanted, `step ${step}`);
      });
      calls.push(ops);
      x.dispose();
    }
    const after = captureReport();
    // The first time runs op by op. The second makes a function, as does the third: it sees what changes.
    assert.ok(after.functions - before.functions <= 3);
    // Each step runs one function for the loss and gradient; two ops may tell the shapes of w and x.
    for (const count of calls.slice(1)) assert.ok(count <= 3, `${calls}`);
    assert.equal(after.refused, null);
    w.dispose();
  });

  it('frees what JavaScript frees, and gives values after its end', () => {
    const handles = (): number => (binding as unknown as { getNumOfTensors(): number }).getNumOfTensors();
    const [tensors, before] = [tf.memory().numTensors, handles()];
    for (let i = 0; i < 4; i++) {
      const [kept, sum] = withCapture(true, () =>
        tf.tidy(() => {
          const x = tf.range(0, 5 + i, 1, 'float32');
          const doubled = tf.mul(x, 2);
          return [doubled, tf.sum(doubled)];
        }),
      );
      // 2 (0 + 1 + … + 4 + i)
      assert.equal(sum.dataSync()[0], (5 + i) * (4 + i));
      assert.deepEqual(
        Array.from(tf.tidy(() => tf.add(kept, 1).dataSync())),
        Array.from({ length: 5 + i }, (_, k) => 2 * k + 1),
      );
      tf.dispose([kept, sum]);
    }
    assert.equal(tf.memory().numTensors, tensors);
    assert.equal(handles(), before);
  });

  it('gives a value that no step asked for before, from its own ops', () => {
    const again = captureReport().repeated;
    const x = tf.tensor1d([1, 2, 3]);
    const looked = (middle: boolean): number[] =>
      withCapture(true, () =>
        tf.tidy(() => {
          const root = tf.sqrt(x);
          const twice = tf.mul(root, 2);
          // Asking ends the segment; what follows needs `root` in the last round alone.
          const [first] = tf.sum(twice).dataSync();
          return middle ? Array.from(root.dataSync()) : [first];
        }),
      );
    for (let i = 0; i < 4; i++) looked(false);
    assert.deepEqual(
      looked(true),
      Array.from(x.dataSync(), (value) => Math.fround(Math.sqrt(value))),
    );
    assert.ok(captureReport().repeated > again);
    x.dispose();
  });

  it('tells an error as it is, and goes on after it', () => {
    const fails = (): void => withCapture(true, () => void tf.tidy(() => {
      tf.sqrt(tf.ones([4]));
      throw new Error('of the work');
    })); // biome-ignore format: one thought
    for (let i = 0; i < 3; i++) assert.throws(fails, /of the work/);
    const [sum] = withCapture(true, () => tf.tidy(() => tf.sum(tf.ones([4])).dataSync()));
    assert.equal(sum, 4);
  });
});
