import { type Command, InvalidArgumentError, Option } from 'commander';
import { createProgress, type Progress } from '../../core/progress';
import type { Importer, ImportSettings, OwnSetting } from '../../data/importers/importer';
import { IMPORTERS } from '../../data/importers/importers';
import { type CommonOptions, parseCount, printResult, withCommonOptions } from '../command';
import { describeCheck } from './check';

interface ImportOptions extends CommonOptions, Omit<ImportSettings, 'className'> {
  readonly class?: string;
}

/** The options that only some importers have. */
const OWN_OPTIONS: Readonly<Record<OwnSetting, readonly [string, string]>> = {
  className: ['--class <name>', 'class of cells that have none (default: cell)'],
  components: ['--components', 'each connected piece is a cell: for masks of 0 and 255'],
  byColour: ['--by-colour', 'each colour is a cell; black, else the commonest colour, is background'],
  nuclei: ['--nuclei', 'the outline of the nucleus, where a cell has one'],
};

/** `data import NAME`: a command for every importer of the list. */
export function registerDataImport(data: Command): void {
  const group = data.command('import').description('convert foreign annotations into the data set layout');
  for (const importer of IMPORTERS) registerImporter(group, importer);
}

function registerImporter(group: Command, importer: Importer): void {
  const command = group
    .command(`${importer.name} ${importer.sources.map((name) => `<${name}>`).join(' ')} <out>`)
    .description(importer.reads)
    .addOption(
      new Option(
        '--channel-order <order>',
        'order of the channels in the source images (default: rgb)',
      ).choices(['rgb', 'bgr']),
    )
    .option('--plane <n>', 'plane of a stack, from 1 (default: 1)', parseCount)
    .option('--channels <a,b,c>', 'channels for red, green, blue, from 1 (default: 1,2,3)', parseChannels);
  for (const setting of importer.settings) command.option(...OWN_OPTIONS[setting]);
  withCommonOptions(
    command,
    `npx cytobench data import ${importer.name} ${importer.sources.map((name) => name.toUpperCase()).join(' ')} DIR`,
  ).action(async (...args: unknown[]) => {
    const names = args.slice(0, importer.sources.length + 1) as string[];
    const options = args[importer.sources.length + 1] as ImportOptions;
    await run(importer, names.slice(0, -1), names[names.length - 1], options);
  });
}

/** `1,2,3`, `2`, `3,0,1`: channels from 1, 0 for none. */
export function parseChannels(text: string): number[] {
  const channels = text.split(',').map(Number);
  const sound = channels.every((c) => Number.isSafeInteger(c) && c >= 0) && channels.some((c) => c > 0);
  if (!sound || channels.length > 3 || text.trim() === '')
    throw new InvalidArgumentError('Expected one to three channel numbers from 1, for example 1,2,3.');
  return channels;
}

/** Converts, checks what was written, and tells both. */
async function run(
  importer: Importer,
  sources: readonly string[],
  out: string,
  options: ImportOptions,
): Promise<void> {
  const { importDataset } = await import('../../data/importers/import_dataset');
  const { checkDataset } = await import('../../data/check_dataset');
  let progress: Progress | undefined;
  const settings: ImportSettings = { ...options, className: options.class };
  const imported = await importDataset(
    out,
    (notes) => importer.open(sources, settings, notes),
    (done, total, id) => {
      progress ??= createProgress({ label: 'import', total, unit: 'images' });
      progress.update(done, id);
    },
  );
  const check = await checkDataset(out);
  // What the check of the written files says again has been said of the source.
  const said = new Set(imported.list().map(({ note }) => note));
  const notes = [
    ...imported.list(),
    ...check.notes.filter(({ note }) => !said.has(note)).map(({ file, note }) => asImportNote(file, note)),
  ];
  printResult(options, { out, ...check, notes }, () =>
    [
      describeCheck(out, { ...check, notes: [] }),
      ...notes.map(({ note, count, examples }) => {
        const more = count > examples.length ? ', …' : '';
        return `  note: ${count} x ${note} (${examples.join('; ')}${more})`;
      }),
    ].join('\n'),
  );
  if (!check.ok) process.exitCode = 1;
}

function asImportNote(
  file: string | undefined,
  note: string,
): { note: string; count: number; examples: readonly string[]; file?: string } {
  return { note, count: 1, examples: file ? [file] : [], ...(file ? { file } : {}) };
}
