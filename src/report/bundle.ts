import * as fs from 'node:fs';
import * as path from 'node:path';

/**
 * The modules of one folder of `browser/` and of `browser/shared/` as one script: each a function of `require` and
 * `exports`, as the compiler wrote it, and the few lines that run them, `main` first. Modules import './name' and
 * '../shared/name', those of `shared` nothing.
 */
export function bundleScript(folder: 'viewer' | 'page'): string {
  const modules = [...modulesOf(folder, './'), ...modulesOf('shared', '../shared/')];
  const script = [
    '(() => {',
    `const modules = {\n${modules.join(',\n')}\n};`,
    'const loaded = {};',
    'const require = (name) => {',
    '  if (!loaded[name]) modules[name](loaded[name] = {}, require);',
    '  return loaded[name];',
    '};',
    "require('./main');",
    '})();',
  ].join('\n');
  return withinScript(script);
}

function modulesOf(folder: string, prefix: string): string[] {
  const from = path.join(__dirname, 'browser', folder);
  const files = fs.readdirSync(from).filter((file) => file.endsWith('.js'));
  return files.map((file) => {
    const code = fs.readFileSync(path.join(from, file), 'utf8').replace(/^\/\/# sourceMappingURL.*$/m, '');
    return `${JSON.stringify(prefix + path.basename(file, '.js'))}: function (exports, require) {\n${code}\n}`;
  });
}

/** plotly.js with lines, bars and heatmaps, as one script: 1.5 MB. */
export function plotlyScript(): string {
  const file = require.resolve('plotly.js-cartesian-dist-min');
  return withinScript(fs.readFileSync(file, 'utf8'));
}

/** Within a page nothing may look like the end of the script. */
function withinScript(code: string): string {
  return code.replaceAll('</', '<\\/');
}
