import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions, withOverwrite } from './command';

/** `export RUN --out FILE`: one portable model file. */
export function registerExport(program: Command): void {
  withCommonOptions(
    withOverwrite(
      program
        .command('export')
        .description(
          'one portable model file: weights, classes, pixel size, channel order, thresholds, normalisation',
        )
        .argument('<run>', 'a run folder')
        .requiredOption('--out <file>', 'the file (.safetensors)')
        .option('--checkpoint <name>', 'best or last')
        .option('--half', 'kernels in float16: half the size, for models that are given away'),
    ),
    'npx cytobench export RUN --out model.safetensors',
  ).action(
    async (
      run: string,
      flags: CommonOptions & { out: string; checkpoint?: 'best' | 'last'; half?: boolean },
    ) => {
      const { loadModel } = await import('../runs/load_model');
      const { writePortableModel } = await import('../models/weights/portable');
      const { model, about, source } = loadModel(run, flags);
      writePortableModel(flags.out, model, about, flags);
      printResult(
        flags,
        { file: flags.out, source, ...about },
        () => `${flags.out}: ${about.architecture}, ${about.classes.join(', ')} (${source})`,
      );
    },
  );
}
