import type { Command } from 'commander';
import { registerBenchRle } from './bench_rle';
import { registerBenchScore } from './bench_score';

/** `bench score|rle`: what is fast, measured, with a peer beside it in the same run. */
export function registerBench(program: Command): void {
  const bench = program.command('bench').description('time the product, a peer beside it in the same run');
  registerBenchScore(bench);
  registerBenchRle(bench);
}
