import { tf } from './tf';

/** A writer of TensorBoard event files. */
export interface SummaryWriter {
  scalar(name: string, value: number, step: number): void;
  flush(): void;
}

/** Opens a folder of TensorBoard event files; earlier files in it stay. */
export function openSummary(folder: string): SummaryWriter {
  const writer = tf.node.summaryFileWriter(folder);
  return { scalar: (name, value, step) => writer.scalar(name, value, step), flush: () => writer.flush() };
}
