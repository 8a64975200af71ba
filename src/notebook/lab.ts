import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { PACKAGE_ROOT } from '../core/package_root';
import { jupyterEnvironment, jupyterPython } from './run_notebook';

export interface LabOptions {
  readonly ip?: string;
  readonly port?: string;
  readonly browser?: boolean;
}

/** How JupyterLab is started: at the project, on the first notebook, with the kernel of TypeScript. */
export function labCommand({ ip = 'localhost', port = '8888', browser = true }: LabOptions = {}): {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
} {
  return {
    command: jupyterPython(),
    args: [
      '-m',
      'jupyterlab',
      `--ip=${ip}`,
      `--port=${port}`,
      // The project, not its notebooks alone: results, experiments and sources are a click away.
      `--ServerApp.root_dir=${PACKAGE_ROOT}`,
      '--LabApp.default_url=/lab/tree/notebooks/00_quickstart.ipynb',
      // No question about news at the first start; cells that hold viewers stay where they are as one scrolls.
      `--LabApp.app_settings_dir=${path.join(PACKAGE_ROOT, 'scripts', 'notebook', 'lab')}`,
      // The container's or workstation's root may open it; the token still guards it.
      ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
      ...(browser ? [] : ['--no-browser']),
    ],
    env: jupyterEnvironment(),
  };
}

/**
 * Marks the project's own notebooks as trusted: they come with outputs, and JupyterLab shows no viewer and no slider of a
 * notebook that was written elsewhere until it has been run. Only those that are as they were committed: what a person has
 * changed or brought JupyterLab judges itself. Without git nothing is marked, and a run shows all.
 */
export function trustNotebooks(): void {
  const git = (...args: string[]): string[] =>
    spawnSync('git', ['-C', PACKAGE_ROOT, ...args, '--', 'notebooks'], { encoding: 'utf8' })
      .stdout?.split('\n')
      .filter((name) => name.endsWith('.ipynb')) ?? [];
  const changed = new Set(git('diff', '--name-only', 'HEAD'));
  const own = git('ls-files').filter((name) => !changed.has(name));
  if (own.length === 0) return;
  const args = ['-m', 'nbformat.sign', ...own.map((name) => path.join(PACKAGE_ROOT, name))];
  spawnSync(jupyterPython(), args, { env: jupyterEnvironment(), stdio: 'ignore' });
}
