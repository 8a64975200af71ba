import type { Command } from 'commander';
import { registerDataCheck } from './data_check';
import { registerDataExport } from './data_export';
import { registerDataImport } from './data_import';
import { registerDataPreview } from './data_preview';
import { registerDataSplit } from './data_split';
import { registerDataSynth } from './data_synth';

/** `data check|synth|split|preview|import|export`. */
export function registerData(program: Command): void {
  const data = program.command('data').description('make, check, convert, split and look at data sets');
  registerDataCheck(data);
  registerDataSynth(data);
  registerDataImport(data);
  registerDataExport(data);
  registerDataSplit(data);
  registerDataPreview(data);
}
