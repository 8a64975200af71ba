import { once } from 'node:events';

/** Writes to standard output and waits while its reader is behind, so that a long answer is never held whole. */
export async function writeOut(piece: string): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}
