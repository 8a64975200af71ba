import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { BACKBONES } from '../config/architectures';
import { CytobenchError, describeError } from '../core/errors';
import { PACKAGE_ROOT } from '../core/package_root';
import { packagedWeights, weightsCache } from '../models/weights/fetch';
import { chosenThreads } from '../runtime/device';
import { type CommonOptions, printResult, withCommonOptions } from './command';

interface DoctorFlags extends CommonOptions {
  readonly batch?: string;
}

/** `doctor`: what is installed and in effect; or a batch that a failed run kept. */
export function registerDoctor(program: Command): void {
  withCommonOptions(
    program
      .command('doctor')
      .description('check the installation; each failing row says how to fix it')
      .option('--batch <file>', 'show the batch that a failed run kept'),
    'npx cytobench doctor',
  ).action(async (flags: DoctorFlags) => {
    if (flags.batch !== undefined) return await showBatch(flags.batch, flags);
    const checks = diagnose();
    const ok = checks.every((check) => check.ok);
    if (!ok) process.exitCode = 1;
    printResult(flags, { ok, checks }, () =>
      checks
        .map(
          ({ name, ok: good, detail, fix }) =>
            `${good ? 'ok ' : 'NOT'} ${name.padEnd(16)} ${detail}${fix ? `\n${' '.repeat(21)}${fix}` : ''}`,
        )
        .join('\n'),
    );
  });
}

async function showBatch(file: string, flags: DoctorFlags): Promise<void> {
  const { readFailedBatch } = await import('../runs/failed_batch');
  const { drawFailedImage } = await import('../report/images');
  const { writeFileAtomic } = await import('../core/files');
  const batch = readFailedBatch(file);
  const images: object[] = [];
  const lines: string[] = [];
  for (const [i, image] of batch.images.entries()) {
    const picture = `${file.replace(/\.safetensors$/, '')}.${i}.png`;
    writeFileAtomic(picture, await drawFailedImage(image));
    const { id, width, height, labels, boxes } = image;
    const sides = Array.from(labels, (_, k) =>
      Math.min(boxes[4 * k + 2] - boxes[4 * k], boxes[4 * k + 3] - boxes[4 * k + 1]),
    );
    const narrowest = sides.length ? Math.min(...sides) : null;
    images.push({ id, width, height, cells: labels.length, narrowest, picture });
    lines.push(
      `  ${id}: ${width} x ${height}, ${labels.length} cells, the narrowest ${narrowest ?? '–'} px; drawn in ${picture}`,
    );
  }
  const { step, term } = batch;
  printResult(flags, { step, term, images }, () =>
    [`step ${step}: ${term} was not a number`, ...lines].join('\n'),
  );
}

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly fix?: string;
}

/** Every check of the installation; none throws. */
function diagnose(): Check[] {
  return [
    check('Node', () => process.version),
    check('native runtime', nativeRuntime, 'Run `npm run setup`.'),
    check('precision', precision),
    check('Jupyter kernel', kernel, 'Run `npm run setup`.'),
    optional(
      'browser',
      browser,
      'Only images of pages and their tests need one. Debian: apt-get install chromium.',
    ),
    ...Object.entries(BACKBONES).flatMap(([name, { imageNet }]) =>
      'packaged' in imageNet
        ? [check(`weights ${name}`, () => packagedWeights(imageNet.packaged), 'Run `npm run setup`.')]
        : [],
    ),
    check(
      'weights cache',
      () => `${weightsCache()}${fs.existsSync(weightsCache()) ? '' : ' (made when first used)'}`,
    ),
  ];
}

/** What runtime.precision 'auto' comes to here, and why. */
function precision(): string {
  const { choosePrecision } =
    require('../runtime/choose_precision') as typeof import('../runtime/choose_precision');
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
  const { device, tf } = require('../runtime/tf') as typeof import('../runtime/tf');
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
