import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CytobenchError } from '../core/errors';
import { say } from './command';

/** The repository's root, from dist/src/cli. */
const ROOT = path.resolve(__dirname, '..', '..', '..');
const ENVIRONMENT = path.join(ROOT, 'bench', '.env');

/** A file in bench/ (sources) or dist/bench (compiled). */
export function benchFile(...parts: string[]): string {
  return path.join(ROOT, 'bench', ...parts);
}

export function compiledBenchFile(name: string): string {
  return path.join(ROOT, 'dist', 'bench', name);
}

/**
 * The Python of the peers' own environment, bench/.env, made on first use; `name` is a module, its requirements in
 * `bench/peers/NAME.txt`. Nothing of it is a dependency of the product.
 */
export function peerPython(name: string): string {
  const python = path.join(ENVIRONMENT, 'bin', 'python');
  if (!fs.existsSync(python)) {
    say(`making bench/.env for ${name}`);
    run('python3', ['-m', 'venv', ENVIRONMENT], name);
  }
  try {
    execFileSync(python, ['-c', `import ${name}`], { stdio: 'ignore' });
  } catch {
    say(`installing ${name} into bench/.env`);
    run(python, ['-m', 'pip', 'install', '--quiet', '-r', benchFile('peers', `${name}.txt`)], name);
  }
  return python;
}

/** Runs a program that prints one JSON document. */
export function runJson<T>(program: string, args: readonly string[]): T {
  return JSON.parse(run(program, args, path.basename(args[0]))) as T;
}

function run(program: string, args: readonly string[], what: string): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr ?? (error as Error).message);
    throw new CytobenchError(`${what}: ${text.trim().split('\n').at(-1)}`, {
      where: path.basename(program),
      fix: 'The peers need Python 3 with venv, and pip with a package index to install from.',
    });
  }
}
