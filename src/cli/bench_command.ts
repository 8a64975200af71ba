import type { Command } from 'commander';
import { registerBenchData } from './bench_data';
import { registerBenchModel } from './bench_model';
import { registerBenchRle } from './bench_rle';
import { registerBenchScore } from './bench_score';

/** `bench train|infer|score|rle|data`: what is fast, measured, with a peer beside it in the same run. */
export function registerBench(program: Command): void {
  const bench = program.command('bench').description('time the product, a peer beside it in the same run');
  registerBenchModel(bench);
  registerBenchData(bench);
  registerBenchScore(bench);
  registerBenchRle(bench);
}
