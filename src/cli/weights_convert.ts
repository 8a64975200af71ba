import type { Command } from 'commander';
import { answer, type CommonOptions, withCommonOptions } from './command';

export function registerWeightsConvert(weights: Command): void {
  withCommonOptions(
    weights
      .command('convert <in> <out>')
      .description('write a .pth, .pt or .safetensors file as .safetensors: same names, types and values'),
  ).action(async (input: string, output: string, options: CommonOptions) => {
    const { openWeights } = await import('../weights/open');
    const { convertToSafetensors } = await import('../weights/safetensors_write');
    const { UsageError } = await import('../core/errors');
    if (!output.endsWith('.safetensors'))
      throw new UsageError(`OUT: expected a name ending in .safetensors, got "${output}"`);
    const file = openWeights(input);
    convertToSafetensors(file, output);
    const written = openWeights(output);
    const value = {
      file: output,
      format: written.format,
      tensors: written.tensors.length,
      bytes: written.size,
    };
    answer(options, value, () => `${output}: ${value.tensors} tensors, ${value.bytes} bytes`);
  });
}
