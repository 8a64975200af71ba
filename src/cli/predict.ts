import type { Command } from 'commander';
import { withCommonOptions } from './command';
import { parseFactor, parseWhole } from './parse';
import type { PredictFlags } from './predict_action';

/** `predict RUN INPUT…`: files or folders to instances. */
export function registerPredict(program: Command): void {
  withCommonOptions(
    program
      .command('predict')
      .description('cells in images of any size, as COCO results, label images, GeoJSON, tables, pictures')
      .argument('<run>', 'a run folder or a model file')
      .argument('[input...]', 'images or folders of images')
      .requiredOption('--out <dir>', 'where to write')
      .option(
        '--formats <list>',
        'coco, labels, geojson, csv, overlay, viewer',
        'coco,labels,geojson,csv,overlay',
      )
      .option(
        '--tile <n>',
        'largest side seen at once, pixels of the image (default: 1280 / enlarge)',
        parseWhole,
      )
      .option('--overlap <n>', 'pixels that tiles share (default: 384 / enlarge)', parseWhole)
      .option('--enlarge <f>', 'how much larger the network sees images (default: as the run)', parseFactor)
      .option('--pixel-size <um>', 'micrometres a pixel of the images', parseFactor)
      .option(
        '--score-threshold <t>',
        'cells under it are left out everywhere: one, or class=T,… (default: the run’s, else 0.5; 0 keeps all, for AP)',
      )
      .option('--tta', 'look at each image in six ways and merge what is found')
      .option('--checkpoint <name>', 'best or last')
      .option('--model <name>', 'with --weights: the architecture; every argument is then an input')
      .option('--weights <file>', 'bare weights in place of a run'),
  ).action(async (run: string, inputs: string[], flags: PredictFlags) => {
    const { predictCommand } = await import('./predict_action');
    await predictCommand([run, ...inputs], flags);
  });
}
