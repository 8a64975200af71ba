import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `parity GOLDEN.json`: recomputes a golden file and compares field by field. */
export function registerParity(program: Command): void {
  withCommonOptions(
    program
      .command('parity')
      .description('recompute a golden file of the reference and compare every field')
      .argument('<golden>', 'a detector, backbone or evaluation golden file (JSON)'),
    'npx cytobench parity tests/fixtures/parity/efficientnet_lite0_fpn.json',
  ).action(async (file: string, options: CommonOptions) => {
    const { compareGolden } = await import('../parity/compare');
    const result = await compareGolden(file);
    if (!result.ok) process.exitCode = 1;
    printResult(options, result, () => {
      const width = Math.max(...result.fields.map(({ field }) => field.length));
      const lines = result.fields.map(
        ({ field, maxError, tolerance, ok }) =>
          `${ok ? 'ok ' : 'NOT'} ${field.padEnd(width)}  ${maxError.toExponential(2)}  of ${tolerance.toExponential(2)}`,
      );
      const bad = result.fields.filter(({ ok }) => !ok).length;
      return [...lines, `${result.variant}: ${result.fields.length} fields, ${bad} outside`].join('\n');
    });
  });
}
