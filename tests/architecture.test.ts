import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ROOT } from './support';

// What each room may import: the arrows of CONTRIBUTING.md, closed under "and what its imports import".
const ARROWS: Record<string, readonly string[]> = {
  core: [],
  structures: ['core'],
  backend: ['core'],
  data: ['structures'],
  metrics: ['structures'],
  postprocess: ['structures'],
  plots: ['metrics'],
  layers: ['backend'],
  detection: ['structures', 'layers'],
  weights: ['detection'],
  engine: ['data', 'metrics', 'postprocess', 'plots', 'weights'],
  report: ['engine'],
  cli: ['report'],
  index: ['report'],
};

function reachable(room: string): Set<string> {
  const seen = new Set([room]);
  const visit = (name: string): void => {
    for (const next of ARROWS[name] ?? []) if (!seen.has(next)) [seen.add(next), visit(next)];
  };
  visit(room);
  return seen;
}

function sourceFiles(folder: string): string[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? sourceFiles(file) : entry.name.endsWith('.ts') ? [file] : [];
  });
}

const SRC = path.join(ROOT, 'src');
const roomOf = (file: string): string => path.relative(SRC, file).split(path.sep)[0].replace(/\.ts$/, '');
const files = sourceFiles(SRC);
const importsOf = (file: string): string[] =>
  [...fs.readFileSync(file, 'utf8').matchAll(/(?:from|import|require)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1],
  );

describe('architecture', () => {
  it('follows the arrows between rooms', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => path.resolve(path.dirname(file), target))
        .filter((target) => target.startsWith(SRC) && !reachable(roomOf(file)).has(roomOf(target)))
        .map((target) => `${path.relative(ROOT, file)} imports ${path.relative(ROOT, target)}`),
    );
    assert.deepEqual(wrong, []);
    assert.ok(files.length > 50, 'the walk found the sources');
  });

  it('imports TensorFlow in one file', () => {
    const importing = files.filter((file) =>
      importsOf(file).some((target) => target.startsWith('@tensorflow/')),
    );
    assert.deepEqual(
      importing.map((file) => path.relative(SRC, file)),
      [path.join('backend', 'tf.ts')],
    );
  });

  it('knows every room', () => {
    assert.deepEqual(
      [...new Set(files.map(roomOf))].filter((room) => !(room in ARROWS)),
      [],
    );
  });

  it('keeps files under 300 lines', () => {
    const long = files.filter((file) => fs.readFileSync(file, 'utf8').split('\n').length > 301);
    assert.deepEqual(
      long.map((file) => path.relative(ROOT, file)),
      [],
    );
  });
});
