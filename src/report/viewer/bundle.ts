import * as fs from 'node:fs';
import * as path from 'node:path';

/** The compiled modules of the page, in `page/` beside this file. */
const PAGE = path.join(__dirname, 'page');

/**
 * The page's modules as one script: each a function of `require` and `exports`, as the compiler wrote it, and the few
 * lines that run them. Modules import one another as './name', and nothing else.
 */
export function bundlePage(entry = 'main'): string {
  const names = fs
    .readdirSync(PAGE)
    .filter((file) => file.endsWith('.js'))
    .map((file) => path.basename(file, '.js'));
  const modules = names.map((name) => {
    const code = fs
      .readFileSync(path.join(PAGE, `${name}.js`), 'utf8')
      .replace(/^\/\/# sourceMappingURL.*$/m, '');
    return `${JSON.stringify(`./${name}`)}: function (exports, require) {\n${code}\n}`;
  });
  const script = [
    '(() => {',
    `const modules = {\n${modules.join(',\n')}\n};`,
    'const loaded = {};',
    'const require = (name) => {',
    '  if (!loaded[name]) modules[name](loaded[name] = {}, require);',
    '  return loaded[name];',
    '};',
    `require('./${entry}');`,
    '})();',
  ].join('\n');
  // Within a page nothing may look like the end of the script.
  return script.replaceAll('</', '<\\/');
}
