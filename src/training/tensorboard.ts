import { openSummary } from '../runtime/summary';
import type { Metrics } from './metrics_log';

/** Metrics as TensorBoard takes them. */
export function openEvents(folder: string): { write(line: Metrics): void } {
  const writer = openSummary(folder);
  return {
    write(line) {
      if (line.type === 'step') {
        for (const [name, value] of Object.entries(line.losses))
          writer.scalar(`training/${name}`, value, line.step);
        writer.scalar('training/total', line.total, line.step);
        writer.scalar('training/learning_rate', line.learningRate, line.step);
        return;
      }
      if (line.validation) {
        for (const [name, value] of Object.entries(line.validation.losses))
          writer.scalar(`validation/${name}`, value, line.step);
        writer.scalar('validation/total', line.validation.total, line.step);
        writer.scalar('validation/AP50', line.validation.AP50, line.step);
      }
      writer.flush();
    },
  };
}
