import { type Command, InvalidArgumentError } from 'commander';
import { nearestName } from '../../core/errors';
import type { AugmentationLevel } from '../../data/transforms/transforms';
import {
  type CommonOptions,
  parseCount,
  parseWhole,
  printResult,
  withCommonOptions,
  withOverwrite,
} from '../command';

interface PreviewCommandOptions extends CommonOptions {
  readonly augmentation: AugmentationLevel;
  readonly out: string;
  readonly seed: number;
  readonly images: number;
  readonly versions: number;
}

const LEVELS: readonly AugmentationLevel[] = ['none', 'basic', 'full'];

function parseLevel(text: string): AugmentationLevel {
  const level = LEVELS.find((known) => known === text);
  const near = nearestName(text, LEVELS);
  if (!level)
    throw new InvalidArgumentError(
      `Expected one of ${LEVELS.join(', ')}${near ? `; did you mean ${near}?` : '.'}`,
    );
  return level;
}

export function registerDataPreview(data: Command): void {
  withCommonOptions(
    withOverwrite(
      data
        .command('preview <dir>')
        .description('a contact sheet of what the model sees, with contours and classes')
        .option('--augmentation <level>', LEVELS.join(', '), parseLevel, 'full' as AugmentationLevel)
        .option('--images <n>', 'rows', parseCount, 4)
        .option('--versions <n>', 'augmented versions of each', parseCount, 3)
        .option('--seed <s>', 'as of the run', parseWhole, 0)
        .requiredOption('--out <file>', 'the sheet (PNG)'),
    ),
    'npx cytobench data preview DIR --augmentation full --out sheet.png',
  ).action(async (dir: string, options: PreviewCommandOptions) => {
    const { openDataset } = await import('../../data/dataset');
    const { AUGMENTATION_LEVELS } = await import('../../data/transforms/transforms');
    const { previewSheet } = await import('../../report/images');
    const { MAKER, writeFileAtomic } = await import('../../core/files');
    const { seed, images, versions, out, augmentation } = options;
    const dataset = await openDataset(dir);
    const n = Math.min(images, dataset.ids.length);
    const ids = Array.from({ length: n }, (_, i) => dataset.ids[Math.floor((i * dataset.ids.length) / n)]);
    const png = await previewSheet(dataset, {
      augmentation: AUGMENTATION_LEVELS[augmentation],
      seed,
      ids,
      versions,
    });
    const { default: sharp } = await import('sharp');
    writeFileAtomic(
      out,
      await sharp(png)
        .withExif({ IFD0: { Software: MAKER } })
        .png()
        .toBuffer(),
    );
    printResult(
      options,
      { out, augmentation, ids, versions },
      () => `${out}: ${ids.length} images, ${versions} versions each`,
    );
  });
}
