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
      const { labCommand, trustNotebooks } = await import('../notebook/lab');
      const { PACKAGE_ROOT } = await import('../core/package_root');
      const { command, args, env } = labCommand(flags);
      trustNotebooks();
      const typescript = path.join(PACKAGE_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const watch = [typescript, '-p', PACKAGE_ROOT, '--watch', '--preserveWatchOutput'];
      // A group of its own: the compiler is a process that another one starts, and both have to end.
      const stdio = ['ignore', 'ignore', 'inherit'] as const;
      const compiler = spawn(process.execPath, watch, { stdio: [...stdio], detached: true });
      const endCompiler = (): void => {
        try {
          process.kill(-(compiler.pid as number), 'SIGTERM');
        } catch {
          // It has ended by itself.
        }
      };
      const lab = spawn(command, args, { stdio: 'inherit', env });
      // However this ends, a closed terminal included, nothing is left running.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.on(signal, () => lab.kill('SIGTERM'));
      process.on('exit', () => {
        endCompiler();
        lab.kill();
      });
      process.exitCode = await new Promise<number>((resolve) => lab.on('exit', (code) => resolve(code ?? 0)));
      endCompiler();
    });
}
