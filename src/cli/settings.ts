import type { Command } from 'commander';
import type { DescribedSetting } from '../config/describe';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `settings [KEY]`: every setting of a run, or those of a section. */
export function registerSettings(program: Command): void {
  withCommonOptions(
    program
      .command('settings')
      .description('every setting of a run: type, range, default, what it does')
      .argument('[key]', 'one setting or section: schedule, model.rpn, optimizer.learningRate'),
    'npx cytobench settings schedule',
  ).action(async (key: string | undefined, flags: CommonOptions) => {
    const { describeSettings } = await import('../config/describe');
    const settings = describeSettings(key);
    printResult(flags, { settings }, () => settings.map(paragraph).join('\n\n'));
  });
}

function paragraph(entry: DescribedSetting): string {
  const { key, type, range, unit, meaning, presets, architectures } = entry;
  const kind = [type, range, unit].filter((part) => part !== undefined).join('; ');
  const others = [...Object.entries(presets ?? {}), ...Object.entries(architectures ?? {})];
  return [
    `${key} = ${JSON.stringify(entry.default)}   (${kind})`,
    `  ${meaning}`,
    ...(others.length
      ? [`  ${others.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')}`]
      : []),
  ].join('\n');
}
