import { type Command, Option } from 'commander';
import { createProgress, type Progress } from '../../core/progress';
import type { ChannelOrder } from '../../data/dataset_info';
import type { ForeignDataset, ImportNotes } from '../../data/importers/import_dataset';
import { type CommonOptions, printResult, withCommonOptions } from '../command';
import { describeCheck } from './check';

interface ImportOptions extends CommonOptions {
  readonly channelOrder?: ChannelOrder;
  readonly class?: string;
}

type Open = (notes: ImportNotes) => ForeignDataset | Promise<ForeignDataset>;

/** `data import monusac|coco|labels|cellpose|qupath|imagej`. */
export function registerDataImport(data: Command): void {
  const group = data.command('import').description('convert foreign annotations into the data set layout');
  format(group, 'monusac', 'MoNuSAC as published: SVS or TIFF with Aperio XML').action(
    async (src: string, out: string, options: ImportOptions) => {
      const { openMonusac } = await import('../../data/importers/monusac');
      await run(out, options, (notes) => openMonusac(src, options.channelOrder ?? 'rgb', notes));
    },
  );
  withCommonOptions(
    group
      .command('coco <annotations> <images> <out>')
      .description('COCO annotations: polygons and run-length codes')
      .addOption(channelOption()),
    'npx cytobench data import coco annotations.json IMAGES DIR',
  ).action(async (annotations: string, images: string, out: string, options: ImportOptions) => {
    const { openCoco } = await import('../../data/importers/coco');
    await run(out, options, () => openCoco(annotations, images, options.channelOrder));
  });
  withClass(
    format(
      group,
      'labels',
      'one label image per image: name_labels.png beside it, or masks/name.png; one class, or name_classes.csv',
    ),
  ).action(async (src: string, out: string, options: ImportOptions) => {
    const { openLabelImages } = await import('../../data/importers/labels');
    await run(out, options, (notes) =>
      openLabelImages(src, options.class ?? 'cell', options.channelOrder ?? 'rgb', notes),
    );
  });
  withClass(format(group, 'cellpose', 'masks that Cellpose saved: name_masks.tif, name_cp_masks.png')).action(
    async (src: string, out: string, options: ImportOptions) => {
      const { openCellpose } = await import('../../data/importers/labels');
      await run(out, options, (notes) =>
        openCellpose(src, options.class ?? 'cell', options.channelOrder ?? 'rgb', notes),
      );
    },
  );
  withClass(format(group, 'qupath', 'GeoJSON of QuPath beside its image')).action(
    async (src: string, out: string, options: ImportOptions) => {
      const { openQuPath } = await import('../../data/importers/qupath');
      await run(out, options, (notes) =>
        openQuPath(src, options.class ?? 'cell', options.channelOrder ?? 'rgb', notes),
      );
    },
  );
  withClass(format(group, 'imagej', 'ROI zips of ImageJ beside their image')).action(
    async (src: string, out: string, options: ImportOptions) => {
      const { openImageJ } = await import('../../data/importers/imagej');
      await run(out, options, (notes) =>
        openImageJ(src, options.class ?? 'cell', options.channelOrder ?? 'rgb', notes),
      );
    },
  );
}

function channelOption(): Option {
  return new Option(
    '--channel-order <order>',
    'order of the channels in the source images (default: rgb)',
  ).choices(['rgb', 'bgr']);
}

function format(group: Command, name: string, description: string): Command {
  return withCommonOptions(
    group.command(`${name} <src> <out>`).description(description).addOption(channelOption()),
    `npx cytobench data import ${name} SRC DIR`,
  );
}

function withClass(command: Command): Command {
  return command.option('--class <name>', 'class of cells that have none (default: cell)');
}

/** Converts, checks what was written, and tells both. */
async function run(out: string, options: ImportOptions, open: Open): Promise<void> {
  const { importDataset } = await import('../../data/importers/import_dataset');
  const { checkDataset } = await import('../../data/check_dataset');
  let progress: Progress | undefined;
  const notes = await importDataset(out, open, (done, total, id) => {
    progress ??= createProgress({ label: 'import', total, unit: 'images' });
    progress.update(done, id);
  });
  const check = await checkDataset(out);
  printResult(options, { out, ...check, notes: notes.list() }, () =>
    [
      describeCheck(out, check),
      ...notes.list().map(({ note, count, examples }) => {
        const more = count > examples.length ? ', …' : '';
        return `  note: ${count} x ${note} (${examples.join('; ')}${more})`;
      }),
    ].join('\n'),
  );
  if (!check.ok) process.exitCode = 1;
}
