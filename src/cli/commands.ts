import type { Command } from 'commander';

/** Every command, in the order of `--help`. A command loads what it needs when it runs: `--help` loads no TensorFlow. */
export function registerCommands(_program: Command): void {}
