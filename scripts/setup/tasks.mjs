import { spawn } from 'node:child_process';
import { announce, inRoot } from './shell.mjs';

const node = process.execPath;
const cli = inRoot('dist', 'src', 'cli', 'main.js');
const mocha = inRoot('node_modules', 'mocha', 'bin', 'mocha.js');
const tests = ['--config', inRoot('tests', 'mocharc.json'), inRoot('dist', 'tests', '**', '*.test.js')];
const biome = [inRoot('node_modules', '.bin', 'biome'), ['check', '--error-on-warnings', '.']];

const tasks = {
  demo: (rest) => [[node, [cli, 'demo', ...rest]]],
  lab: (rest) => [[node, [cli, 'lab', ...rest]]],
  bench: (rest) => [[node, [cli, 'bench', ...rest]]],
  test: (rest) => [biome, [node, [mocha, ...tests, '--grep', '\\[long\\]', '--invert', ...rest]]],
  check: (rest) => [biome, [node, [mocha, ...tests, ...rest]]],
};

/** Runs the commands of a task one after the other; the exit code of the first that fails, else 0. */
export async function runTask(name, rest) {
  if (!tasks[name]) throw new Error(`unknown task ${name}: one of ${Object.keys(tasks).join(', ')}`);
  for (const [program, args] of tasks[name](rest)) {
    const code = await new Promise((resolve) => {
      const child = spawn(program, args, { stdio: 'inherit' });
      const forward = (signal) => child.kill(signal);
      process.on('SIGTERM', forward);
      child.on('error', (error) => {
        announce(error.message);
        resolve(1);
      });
      child.on('exit', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 143)));
    });
    if (code !== 0) return code;
  }
  return 0;
}
