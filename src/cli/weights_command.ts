import type { Command } from 'commander';
import { registerWeightsConvert } from './weights_convert';
import { registerWeightsFetch } from './weights_fetch';
import { registerWeightsInspect } from './weights_inspect';

/** `weights inspect|convert|fetch`. */
export function registerWeights(program: Command): void {
  const weights = program.command('weights').description('read, convert and fetch weight files');
  registerWeightsInspect(weights);
  registerWeightsConvert(weights);
  registerWeightsFetch(weights);
}
