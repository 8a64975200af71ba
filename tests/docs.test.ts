import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { buildProgram, everyCommand } from '../src/cli/main';
import { ROOT } from './support';

interface Docs {
  pages(): Record<string, string>;
  examplesOf(command: unknown): string[];
}

const docs = require(path.join(ROOT, 'scripts', 'docs.mjs')) as Docs;

describe('docs', function () {
  this.timeout(120_000);

  it('are what the code says: run `npm run docs` where this fails', () => {
    for (const [name, text] of Object.entries(docs.pages()))
      assert.equal(fs.readFileSync(path.join(ROOT, 'docs', name), 'utf8'), text, name);
  });

  it('every command has an example, of itself', () => {
    for (const command of everyCommand(buildProgram()).filter((one) => one.commands.length === 0)) {
      const examples = docs.examplesOf(command);
      assert.ok(examples.length > 0, `${command.name()} has no example`);
      assert.ok(
        examples.every((line) => line.includes(command.name())),
        `${command.name()}: ${examples}`,
      );
    }
  });
});
