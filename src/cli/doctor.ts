import type { Command } from 'commander';
import { answer, type CommonOptions, withCommonOptions } from './command';

/** `doctor`: what is installed and in effect. */
export function registerDoctor(program: Command): void {
  withCommonOptions(
    program.command('doctor').description('check the installation; each failing row says how to mend it'),
  ).action(async (flags: CommonOptions) => {
    const { diagnose } = await import('../engine/doctor');
    const checks = diagnose();
    const ok = checks.every((check) => check.ok);
    if (!ok) process.exitCode = 1;
    answer(flags, { ok, checks }, () =>
      checks
        .map(
          ({ name, ok: good, detail, fix }) =>
            `${good ? 'ok ' : 'NOT'} ${name.padEnd(16)} ${detail}${fix ? `\n${' '.repeat(21)}${fix}` : ''}`,
        )
        .join('\n'),
    );
  });
}
