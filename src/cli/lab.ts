import type { Command } from 'commander';

/** `lab`: JupyterLab with the TypeScript kernel. */
export function registerLab(program: Command): void {
  program
    .command('lab')
    .description('JupyterLab with the TypeScript kernel, rebuilding dist/ as src/ changes')
    .option('--no-browser', 'print the address, open nothing')
    .option('--ip <address>', 'address to listen on', 'localhost')
    .option('--port <n>', 'port', '8888')
    .addHelpText('after', '\nExample:\n  npx cytobench lab --no-browser --port 9000')
    .action(async (flags: { browser: boolean; ip: string; port: string }) => {
      const { spawn } = await import('node:child_process');
      const path = await import('node:path');
      const { jupyterEnvironment, jupyterPython } = await import('../notebook/run_notebook');
      const { PACKAGE_ROOT } = await import('../core/package_root');
      const env = jupyterEnvironment();
      const compiler = spawn(
        process.execPath,
        [
          path.join(PACKAGE_ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
          '-p',
          PACKAGE_ROOT,
          '--watch',
          '--preserveWatchOutput',
        ],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      // The container's or workstation's root may open it; the token still guards it.
      const root = process.getuid?.() === 0 ? ['--allow-root'] : [];
      const args = [
        '-m',
        'jupyterlab',
        `--ip=${flags.ip}`,
        `--port=${flags.port}`,
        '--notebook-dir',
        path.join(PACKAGE_ROOT, 'notebooks'),
        ...root,
        ...(flags.browser ? [] : ['--no-browser']),
      ];
      const lab = spawn(jupyterPython(), args, { stdio: 'inherit', env });
      const end = (): void => {
        lab.kill('SIGTERM');
      };
      process.on('SIGINT', end);
      process.on('SIGTERM', end);
      process.exitCode = await new Promise<number>((resolve) => lab.on('exit', (code) => resolve(code ?? 0)));
      compiler.kill();
    });
}
