import type { Command } from 'commander';
import { createProgress } from '../../core/progress';
import { type CommonOptions, printResult, withCommonOptions, withOverwrite } from '../command';

interface ExportOptions extends CommonOptions {
  readonly out: string;
}

/** `data export coco`. */
export function registerDataExport(data: Command): void {
  const group = data.command('export').description('convert a data set into a foreign format');
  withCommonOptions(
    withOverwrite(
      group
        .command('coco <dir>')
        .description('COCO annotations with run-length masks')
        .requiredOption('--out <file>', 'the annotations (JSON)'),
    ),
    'npx cytobench data export coco DIR --out annotations.json',
  ).action(async (dir: string, options: ExportOptions) => {
    const { openDataset } = await import('../../data/dataset');
    const { exportCoco } = await import('../../data/exporters/coco');
    const { writeFileAtomic } = await import('../../core/files');
    const dataset = await openDataset(dir);
    const progress = createProgress({ label: 'export', total: dataset.ids.length, unit: 'images' });
    const document = await exportCoco(dataset, (done, _total, id) => progress.update(done, id));
    writeFileAtomic(options.out, `${JSON.stringify(document)}\n`);
    progress.finish();
    const { images, annotations } = document;
    const counts = { out: options.out, images: images.length, annotations: annotations.length };
    printResult(
      options,
      counts,
      () => `${options.out}: ${images.length} images, ${annotations.length} annotations`,
    );
  });
}
