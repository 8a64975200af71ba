import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ROOT } from './support';

// What each module may import: the arrows of CONTRIBUTING.md, closed under "and what its imports import".
const ARROWS: Record<string, readonly string[]> = {
  core: [],
  geometry: ['core'],
  data: ['geometry'],
  metrics: ['geometry'],
  runtime: ['core'],
  nn: ['runtime'],
  config: ['data'],
  models: ['nn', 'geometry', 'config'],
  inference: ['models', 'data'],
  training: ['inference', 'metrics'],
  runs: ['training'],
  evaluation: ['runs'],
  parity: ['training'],
  studies: ['evaluation'],
  plots: ['metrics'],
  report: ['studies', 'plots'],
  notebook: ['report'],
  cli: ['notebook', 'parity'],
  index: ['notebook'],
};

/** More files than this in one folder no longer fit on a screen. */
const MOST_FILES = 24;
/** Lines from which a file needs a reason for its length. */
const MOST_LINES = 500;

function reachable(module: string): Set<string> {
  const seen = new Set([module]);
  const visit = (name: string): void => {
    for (const next of ARROWS[name] ?? []) if (!seen.has(next)) [seen.add(next), visit(next)];
  };
  visit(module);
  return seen;
}

function sourceFiles(folder: string): string[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? sourceFiles(file) : entry.name.endsWith('.ts') ? [file] : [];
  });
}

const SRC = path.join(ROOT, 'src');
const moduleOf = (file: string): string => path.relative(SRC, file).split(path.sep)[0].replace(/\.ts$/, '');
const relative = (file: string): string => path.relative(ROOT, file);
const files = sourceFiles(SRC);
const textOf = new Map(files.map((file) => [file, fs.readFileSync(file, 'utf8')]));
/** Everything that a file names in an import, an export from, a require or an import type. */
const importsOf = (file: string): string[] =>
  [...(textOf.get(file) ?? '').matchAll(/(?:from|import|require)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1],
  );
const importedFiles = (file: string): string[] =>
  importsOf(file)
    .filter((target) => target.startsWith('.'))
    .map((target) => `${path.resolve(path.dirname(file), target)}.ts`)
    .filter((target) => textOf.has(target));

/** The first circle of imports that is found, as a path that ends where it began; none: null. */
function findCircle(): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): string[] | null => {
    const at = trail.indexOf(file);
    if (at >= 0) return [...trail.slice(at), file];
    if (done.has(file)) return null;
    for (const next of importedFiles(file)) {
      const circle = visit(next, [...trail, file]);
      if (circle) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of files) {
    const circle = visit(file, []);
    if (circle) return circle.map(relative);
  }
  return null;
}

describe('architecture', () => {
  it('follows the arrows between modules', () => {
    const wrong = files.flatMap((file) =>
      importedFiles(file)
        .filter((target) => !reachable(moduleOf(file)).has(moduleOf(target)))
        .map((target) => `${relative(file)} imports ${relative(target)}`),
    );
    assert.deepEqual(wrong, []);
    assert.ok(files.length > 50, 'the walk found the sources');
  });

  it('has no circle of imports, types included', () => {
    assert.equal(findCircle(), null);
  });

  it('imports TensorFlow in one file', () => {
    const importing = files.filter((file) =>
      importsOf(file).some((target) => target.startsWith('@tensorflow/')),
    );
    assert.deepEqual(
      importing.map((file) => path.relative(SRC, file)),
      [path.join('runtime', 'tf.ts')],
    );
  });

  it('knows every module', () => {
    assert.deepEqual(
      [...new Set(files.map(moduleOf))].filter((module) => !(module in ARROWS)),
      [],
    );
  });

  it('has no file that only forwards to others, but index.ts', () => {
    const forwarding = files.filter((file) => {
      const code = (textOf.get(file) ?? '')
        .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
        .replace(/(?:import|export)\b[^;]*?from\s*'[^']*';/g, '');
      return file !== path.join(SRC, 'index.ts') && code.trim() === '';
    });
    assert.deepEqual(forwarding.map(relative), []);
  });

  it('keeps a command in one file: flags and action together', () => {
    assert.deepEqual(files.filter((file) => /_(action|flags)\.ts$/.test(file)).map(relative), []);
  });

  it('has folders that fit on a screen', () => {
    const counts = new Map<string, number>();
    for (const file of files) counts.set(path.dirname(file), (counts.get(path.dirname(file)) ?? 0) + 1);
    assert.deepEqual(
      [...counts].filter(([, count]) => count > MOST_FILES).map(([folder]) => relative(folder)),
      [],
    );
  });

  it('has no file so long that it needs a reason', () => {
    assert.deepEqual(
      files.filter((file) => (textOf.get(file) ?? '').split('\n').length > MOST_LINES).map(relative),
      [],
    );
  });

  it('uses every dependency where a person meets it, and no other package', () => {
    const { dependencies } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const imported = new Set(files.flatMap(importsOf));
    const resolved = [...textOf.values()].flatMap((text) =>
      [...text.matchAll(/require\.resolve\(\s*['"`]([^'"`$]+)/g)].map((match) => match[1]),
    );
    const named = [...imported, ...resolved].filter(
      (target) => /^(@[\w.-]+\/)?[\w-][\w.-]*(\/[\w./-]+)?$/.test(target) && target !== 'cytobench',
    );
    const packages = new Set(
      named.map((target) =>
        target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    );
    // What is used without being imported, and how.
    const otherwise = {
      '@tensorflow/tfjs-node': 'what danfojs-node asks for: stands for the package with the card',
      cytobench: 'what a notebook imports',
    };
    // What comes with a dependency and is spoken to through it.
    const through = ['@nestjs/common'];
    const declared = Object.keys(dependencies).filter((name) => !(name in otherwise));
    assert.deepEqual(
      declared.filter((name) => !packages.has(name)),
      [],
    );
    assert.deepEqual(
      [...packages].filter((name) => !declared.includes(name) && !through.includes(name)),
      [],
    );
  });
});
