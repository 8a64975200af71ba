import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CytobenchError, DataError } from '../core/errors';
import { PACKAGE_ROOT } from '../core/package_root';
import { findMiscitation } from './citations';

export interface NotebookResult {
  readonly ok: boolean;
  /** Code cells. */
  readonly cells: number;
  /** Index of the cell that failed, from 0, among all cells. */
  readonly failedCell?: number;
  readonly error?: string;
}

/** The environment of the notebooks: the kernel's program is found on the PATH. */
export function jupyterEnvironment(): NodeJS.ProcessEnv {
  const bins = [
    path.join(PACKAGE_ROOT, '.venv', 'bin'),
    path.join(PACKAGE_ROOT, 'node_modules', '.bin'),
    path.dirname(process.execPath),
  ];
  return { ...process.env, PATH: [...bins, process.env.PATH].join(path.delimiter) };
}

/** The Python of the notebooks' environment. */
export function jupyterPython(): string {
  const python = path.join(PACKAGE_ROOT, '.venv', 'bin', 'python');
  if (!fs.existsSync(python))
    throw new CytobenchError('JupyterLab is not installed', { fix: 'Run `npm run setup`.' });
  return python;
}

/** Runs a whole notebook headless and writes it with its outputs, also when a cell fails. */
export async function runNotebook(
  file: string,
  out: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<NotebookResult> {
  if (!fs.existsSync(file)) throw new DataError('no such notebook', { where: file });
  fs.mkdirSync(path.dirname(path.resolve(out)), { recursive: true });
  const script = path.join(PACKAGE_ROOT, 'scripts', 'notebook', 'run.py');
  const args = [script, file, out, JSON.stringify(parameters), 'tslab'];
  const { stdout, stderr, code } = await collect(jupyterPython(), args);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  try {
    const result = JSON.parse(line) as NotebookResult;
    return result.ok ? { ...result, ...citationFault(file) } : result;
  } catch {
    const reason = stderr.trim().split('\n').at(-1);
    throw new CytobenchError(`the notebook did not run: ${reason || `exit ${code}`}`, {
      where: file,
      fix: 'See `npx cytobench doctor`.',
    });
  }
}

/** Prose that says another number than the run it cites is a failure too. */
function citationFault(file: string): Partial<NotebookResult> {
  const fault = findMiscitation(file);
  return fault ? { ok: false, failedCell: fault.cell, error: fault.message } : {};
}

function collect(
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: jupyterEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ stdout, stderr, code }));
  });
}
