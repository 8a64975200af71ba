import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { chosenThreads } from '../backend/runtime';
import { CytobenchError, describeError } from '../core/errors';
import { weightsCache } from '../weights/fetch';
import { imageNetWeights, PACKAGE_ROOT } from '../weights/pretrained';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

/** Every check of the installation; none throws. */
export function diagnose(): Check[] {
  return [
    check('Node', () => process.version),
    check('native runtime', nativeRuntime, 'Run `npm run setup`.'),
    check('precision', precision),
    check('Jupyter kernel', kernel, 'Run `npm run setup`.'),
    optional(
      'browser',
      browser,
      'Only pictures of pages and their tests need one. Debian: apt-get install chromium.',
    ),
    check('light weights', () => imageNetWeights('efficientnet_lite0'), 'Run `npm run setup`.'),
    check(
      'weights cache',
      () => `${weightsCache()}${fs.existsSync(weightsCache()) ? '' : ' (made when first used)'}`,
    ),
  ];
}

/** What runtime.precision 'auto' comes to here, and why. */
function precision(): string {
  const { choosePrecision } =
    require('../backend/choose_precision') as typeof import('../backend/choose_precision');
  const choice = choosePrecision();
  return `${choice.precision}: ${choice.reason}`;
}

function check(name: string, look: () => string, fix?: string): Check {
  try {
    return { name, ok: true, detail: look() };
  } catch (error) {
    return { name, ok: false, detail: describeError(error).split('\n')[0], fix: ownFix(error) ?? fix };
  }
}

/** What the error itself says to do. */
function ownFix(error: unknown): string | undefined {
  return error instanceof CytobenchError ? error.fix : undefined;
}

/** A row that may fail without the installation being broken. */
function optional(name: string, look: () => string, fix: string): Check {
  const found = check(name, look, fix);
  return { ...found, ok: true, detail: found.ok ? found.detail : 'none found' };
}

function nativeRuntime(): string {
  const { device, tf } = require('../backend/tf') as typeof import('../backend/tf');
  const sum = tf.tidy(() => tf.sum(tf.ones([8])).dataSync()[0]);
  if (sum !== 8) throw new Error(`adds 8 ones to ${sum}`);
  const folder = fs
    .readdirSync(path.join(PACKAGE_ROOT, '.native'))
    .find((name) => name.startsWith('tensorflow-'));
  return `TensorFlow ${folder?.replace('tensorflow-', '') ?? '?'}, ${device.toUpperCase()}, ${chosenThreads()} threads`;
}

function kernel(): string {
  const file = path.join(PACKAGE_ROOT, '.venv', 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json');
  const { argv } = JSON.parse(fs.readFileSync(file, 'utf8')) as { argv: string[] };
  if (!fs.existsSync(argv[0])) throw new Error(`${argv[0]} is not there`);
  return file;
}

function browser(): string {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync(name, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    } catch {
      // The next name.
    }
  }
  throw new Error('none found');
}
