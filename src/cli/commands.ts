import type { Command } from 'commander';
import { registerData } from './data_command';
import { registerParity } from './parity';
import { registerScore } from './score';
import { registerTrain } from './train';
import { registerWeights } from './weights_command';

/** Every command, in the order of `--help`. A command loads what it needs when it runs: `--help` loads no TensorFlow. */
export function registerCommands(program: Command): void {
  registerData(program);
  registerTrain(program);
  registerParity(program);
  registerScore(program);
  registerWeights(program);
}
