import type { Command } from 'commander';
import { registerBenchData } from './data';
import { registerBenchModel } from './model';
import { registerBenchRle } from './rle';
import { registerBenchScore } from './score';

/** `bench train|infer|score|rle|data`: what is fast, measured, with a peer beside it in the same run. */
export function registerBench(program: Command): void {
  const bench = program.command('bench').description('time the product, a peer beside it in the same run');
  registerBenchModel(bench);
  registerBenchData(bench);
  registerBenchScore(bench);
  registerBenchRle(bench);
}
