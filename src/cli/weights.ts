import type { Command } from 'commander';
import type { StoredTensor, WeightsFile } from '../models/weights/formats/stored_tensor';
import { type CommonOptions, printResult, withCommonOptions, writeOut } from './command';

/** `weights inspect|convert|fetch`. */
export function registerWeights(program: Command): void {
  const weights = program.command('weights').description('read, convert and fetch weight files');
  registerWeightsInspect(weights);
  registerWeightsConvert(weights);
  registerWeightsFetch(weights);
}

interface InspectOptions extends CommonOptions {
  readonly values?: boolean;
}

export function registerWeightsInspect(weights: Command): void {
  withCommonOptions(
    weights
      .command('inspect <file>')
      .description('the names, types and shapes in a weight file')
      .option('--values', 'every value too (not finite ones as null in JSON)'),
    'npx cytobench weights inspect model.pth',
  ).action(async (path: string, options: InspectOptions) => {
    const { openWeights } = await import('../models/weights/open');
    const file = openWeights(path);
    for (const piece of options.json ? json(file, options) : text(file, options)) await writeOut(piece);
  });
}

/** One document, a piece at a time: the values of a whole model would not fit into one string. */
function* json(file: WeightsFile, { values }: InspectOptions): Generator<string> {
  const { format, size, metadata } = file;
  yield `{"format":${JSON.stringify(format)},"bytes":${size},"metadata":${JSON.stringify(metadata)},"tensors":[`;
  let separator = '';
  for (const tensor of file.tensors) {
    const head = JSON.stringify(tensor);
    if (!values) yield separator + head;
    else {
      yield `${separator}${head.slice(0, -1)},"values":[`;
      yield* joined(file, tensor, ',', (value) => (Number.isFinite(Number(value)) ? String(value) : 'null'));
      yield ']}';
    }
    separator = ',';
  }
  yield ']}\n';
}

function* text(file: WeightsFile, { values }: InspectOptions): Generator<string> {
  yield `${file.path}: ${file.format}, ${file.tensors.length} tensors, ${file.size} bytes\n`;
  for (const [key, value] of Object.entries(file.metadata)) yield `  ${key} = ${JSON.stringify(value)}\n`;
  const width = Math.max(4, ...file.tensors.map(({ name }) => name.length));
  for (const tensor of file.tensors) {
    yield `${tensor.name.padEnd(width)}  ${tensor.dtype.padEnd(8)}  [${tensor.shape.join(', ')}]\n`;
    if (values) {
      yield '  ';
      yield* joined(file, tensor, ' ', String);
      yield '\n';
    }
  }
}

function* joined(
  file: WeightsFile,
  { name }: StoredTensor,
  separator: string,
  show: (value: number | bigint) => string,
): Generator<string> {
  const data = file.read(name);
  const chunk = 8192;
  for (let at = 0; at < data.length; at += chunk) {
    const parts: string[] = [];
    for (let i = at; i < Math.min(at + chunk, data.length); i++) parts.push(show(data[i]));
    yield (at > 0 ? separator : '') + parts.join(separator);
  }
}

export function registerWeightsConvert(weights: Command): void {
  withCommonOptions(
    weights
      .command('convert <in> <out>')
      .description('write a .pth, .pt or .safetensors file as .safetensors: same names, types and values'),
    'npx cytobench weights convert model.pth model.safetensors',
  ).action(async (input: string, output: string, options: CommonOptions) => {
    const { openWeights } = await import('../models/weights/open');
    const { convertToSafetensors } = await import('../models/weights/formats/safetensors');
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
    printResult(options, value, () => `${output}: ${value.tensors} tensors, ${value.bytes} bytes`);
  });
}

export function registerWeightsFetch(weights: Command): void {
  withCommonOptions(
    weights
      .command('fetch <name>')
      .description('published weights from a cache, else downloaded and checked')
      .addHelpText('after', () => {
        const { PUBLISHED } = require('../models/weights/fetch') as typeof import('../models/weights/fetch');
        return `\nNames:\n${PUBLISHED.map(({ name, about }) => `  ${name.padEnd(30)} ${about}`).join('\n')}`;
      }),
    'npx cytobench weights fetch resnet50',
  ).action(async (name: string, options: CommonOptions) => {
    const { fetchWeights } = await import('../models/weights/fetch');
    const fetched = await fetchWeights(name);
    const from = { cache: 'already here', torch: "found in torch's cache", download: 'downloaded' };
    printResult(options, fetched, () => `${fetched.file}\n${fetched.bytes} bytes, ${from[fetched.source]}`);
  });
}
