import type { Command } from 'commander';
import {
  type CommonOptions,
  parseCount,
  printResult,
  say,
  withCommonOptions,
  withOverwrite,
} from './command';

interface SubmitFlags extends CommonOptions {
  readonly images: string;
  readonly ids: string;
  readonly out: string;
  readonly maxDets?: number;
  readonly checkpoint?: 'best' | 'last';
  readonly tta?: boolean;
  readonly model?: string;
  readonly weights?: string;
}

/** `submit RUN`: the challenge's submission. */
export function registerSubmit(program: Command): void {
  withCommonOptions(
    withOverwrite(
      program
        .command('submit')
        .description('the challenge’s submission: a zip with test-results.json, checked before it is written')
        .argument('[run]', 'a run folder or a model file')
        .requiredOption('--images <dir>', 'the test images')
        .requiredOption('--ids <file>', 'a list of {file_name, id, height, width}')
        .requiredOption('--out <zip>', 'the zip to write')
        .option('--max-dets <n>', 'detections kept per image and class (default: 300)', parseCount)
        .option('--checkpoint <name>', 'best or last')
        .option('--tta', 'test-time augmentation: six views of each image, merged')
        .option('--model <name>', 'with --weights: the architecture')
        .option('--weights <file>', 'bare weights, or nuclei, in place of a run'),
    ),
    'npx cytobench submit RUN --images DIR --ids IDS.json --out answer.zip',
  ).action(async (run: string | undefined, flags: SubmitFlags) => {
    const { submit } = await import('../evaluation/submit');
    const { UsageError } = await import('../core/errors');
    const where = flags.weights ?? run;
    if (where === undefined)
      throw new UsageError('no run named', { fix: 'Name a run folder or a model file.' });
    const architecture = flags.weights === undefined ? undefined : flags.model;
    const result = await submit(where, { ...flags, architecture });
    if (result.unlisted.length)
      say(
        `note: ${result.unlisted.length} images of ${flags.images} are not in the id list (${result.unlisted[0]} …)`,
      );
    if (result.empty.length)
      say(`warning: nothing was found on ${result.empty.length} images (${result.empty[0]} …)`);
    if (result.cut) say(`note: ${result.cut} detections over the limit per image and class were left out`);
    printResult(flags, { out: flags.out, ...result }, () => {
      const counts = Object.entries(result.counts).map(([name, n]) => `${n} ${name}`);
      return `${flags.out}: ${result.instances} instances (${counts.join(', ')}) on ${result.images} images, ${(result.bytes / 1e6).toFixed(2)} MB; ${result.source}`;
    });
  });
}
