import type { Command } from 'commander';
import { registerBench } from './bench_command';
import { registerCompare } from './compare';
import { registerData } from './data_command';
import { registerDemo } from './demo';
import { registerDoctor } from './doctor';
import { registerEvaluate } from './evaluate';
import { registerExperiment } from './experiment';
import { registerExport } from './export';
import { registerLab } from './lab';
import { registerNotebook } from './notebook';
import { registerParity } from './parity';
import { registerPredict } from './predict';
import { registerReport } from './report';
import { registerRuns } from './runs';
import { registerScore } from './score';
import { registerStop } from './stop';
import { registerSubmit } from './submit';
import { registerThresholds } from './thresholds';
import { registerTrain } from './train';
import { registerWeights } from './weights_command';

/** Every command, in the order of `--help`. A command loads what it needs when it runs: `--help` loads no TensorFlow. */
export function registerCommands(program: Command): void {
  registerData(program);
  registerDemo(program);
  registerDoctor(program);
  registerLab(program);
  registerTrain(program);
  registerExperiment(program);
  registerRuns(program);
  registerStop(program);
  registerEvaluate(program);
  registerCompare(program);
  registerReport(program);
  registerThresholds(program);
  registerPredict(program);
  registerSubmit(program);
  registerExport(program);
  registerNotebook(program);
  registerParity(program);
  registerScore(program);
  registerWeights(program);
  registerBench(program);
}
