import type { Command } from 'commander';
import { answer, type CommonOptions, withCommonOptions } from './command';

interface DoctorFlags extends CommonOptions {
  readonly batch?: string;
}

/** `doctor`: what is installed and in effect; or a batch that a failed run kept. */
export function registerDoctor(program: Command): void {
  withCommonOptions(
    program
      .command('doctor')
      .description('check the installation; each failing row says how to mend it')
      .option('--batch <file>', 'show the batch that a failed run kept'),
  ).action(async (flags: DoctorFlags) => {
    if (flags.batch !== undefined) return await showBatch(flags.batch, flags);
    const { diagnose } = await import('../engine/doctor');
    const checks = diagnose();
    const ok = checks.every((check) => check.ok);
    if (!ok) process.exitCode = 1;
    answer(flags, { ok, checks }, () =>
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
  const { readFailedBatch } = await import('../engine/run/failed_batch');
  const { drawFailedImage } = await import('../report/failed_batch');
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
  answer(flags, { step, term, images }, () =>
    [`step ${step}: ${term} was not a number`, ...lines].join('\n'),
  );
}
