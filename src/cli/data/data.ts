import type { Command } from 'commander';
import { registerDataCheck } from './check';
import { registerDataExport } from './export';
import { registerDataImport } from './import';
import { registerDataPreview } from './preview';
import { registerDataSplit } from './split';
import { registerDataSynth } from './synth';

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
