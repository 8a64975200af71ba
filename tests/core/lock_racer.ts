// A process that races for locks: each line on standard input names a lock file to take; the answer is one line.
// `race FILE`: takes it or not, holds it until `release`. `die FILE`: takes it and ends without releasing it.
import * as readline from 'node:readline';
import { type Lock, tryLock } from '../../src/core/lock';

let lock: Lock | null = null;
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [word, file] = line.split(' ');
  if (word === 'release') {
    lock?.release();
    lock = null;
    process.stdout.write('released\n');
    return;
  }
  const taken = tryLock(file);
  lock = 'release' in taken ? taken : null;
  if (word === 'die' && lock) process.kill(process.pid, 'SIGKILL');
  process.stdout.write(`${lock ? 'won' : 'lost'}\n`);
});
