// Makes the reference pages of docs/ from the code: settings, commands, library.
//   npm run docs
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const built = (...parts) => path.join(root, 'dist', 'src', ...parts);
const MADE = '<!-- Made from the code by `npm run docs`: change the code, not this page. -->';
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (value) => `\`${cell(typeof value === 'string' ? value : JSON.stringify(value))}\``;

function settingsPage() {
  const { describeSettings } = require(built('config', 'describe.js'));
  const sections = groupBy(describeSettings(), ({ key }) => sectionOf(key));
  const lines = [
    '# Settings',
    '',
    MADE,
    '',
    'A run is described by these settings. `--set key=value` changes one, an experiment or a preset several; `npx cytobench',
    'settings KEY` shows one at a terminal. The order is: default, architecture, preset, experiment, variant, `--set`.',
  ];
  for (const [section, entries] of sections) {
    lines.push('', `## ${section}`, '', '| setting | default | type | meaning |', '|---|---|---|---|');
    for (const { key, default: value, type, range, unit, meaning, presets, architectures } of entries) {
      const others = [...Object.entries(presets ?? {}), ...Object.entries(architectures ?? {})];
      const more = others.length
        ? ` *${others.map(([name, other]) => `${name}: ${code(other)}`).join(', ')}*`
        : '';
      const kind = [type, range, unit].filter((part) => part !== undefined).join('; ');
      lines.push(`| \`${key}\` | ${code(value)} | ${cell(kind)} | ${cell(meaning)}${more} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const sectionOf = (key) => key.split('.').slice(0, -1).join('.') || 'general';

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

function groupBy(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
}

function commandsPage() {
  const { buildProgram, everyCommand } = require(built('cli', 'main.js'));
  const { Help } = require('commander');
  const help = new Help();
  const lines = [
    '# Commands',
    '',
    MADE,
    '',
    '`npx cytobench COMMAND …`. Each takes `--help`, `--json` (one JSON document on standard output), `--threads N` and',
    '`--debug` (the stack trace of an error). Exit code 0: done; 1: failed, or not ok; 2: wrong usage; 130 and 143: ended by',
    'SIGINT or SIGTERM. Where a command takes RUN it takes a run folder, the bare name of a run, or a model file.',
  ];
  for (const command of everyCommand(buildProgram()).filter((one) => one.commands.length === 0)) {
    const names = [];
    for (let at = command; at.parent; at = at.parent) names.unshift(at.name());
    lines.push('', `## ${names.join(' ')}`, '', `${cell(sentence(command.description()))}.`, '');
    const usage = command.registeredArguments.map((argument) => {
      const dots = argument.variadic ? '…' : '';
      return argument.required
        ? `${argument.name().toUpperCase()}${dots}`
        : `[${argument.name().toUpperCase()}${dots}]`;
    });
    lines.push('```', ['npx cytobench', ...names, ...usage, '[options]'].join(' '), '```');
    const rows = [
      ...command.registeredArguments
        .filter((argument) => argument.description)
        .map((argument) => [argument.name().toUpperCase(), argument.description, argument.required]),
      ...command.options
        .filter(
          ({ hidden, long }) => !hidden && !['--json', '--threads', '--debug', '--version'].includes(long),
        )
        .map((option) => [option.flags, help.optionDescription(option), option.mandatory]),
    ];
    if (rows.length)
      lines.push(
        '',
        '| | |',
        '|---|---|',
        ...rows.map(
          ([name, about, required]) =>
            `| \`${cell(name)}\` | ${cell(about)}${required ? ' **(required)**' : ''} |`,
        ),
      );
    const examples = examplesOf(command);
    if (examples.length) lines.push('', '```', ...examples, '```');
  }
  return `${lines.join('\n')}\n`;
}

/** The examples that the help of a command ends with. */
export function examplesOf(command) {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  const at = /\nExamples?:\n/.exec(text);
  return at
    ? text
        .slice(at.index + at[0].length)
        .split('\n')
        .filter((line) => /^ {2}(npx|npm) /.test(line))
        .map((line) => line.trim())
    : [];
}

function libraryPage() {
  const ts = require('@tslab/typescript-for-tslab');
  const entry = built('index.d.ts');
  const program = ts.createProgram([entry], {
    skipLibCheck: true,
    types: ['node'],
    target: ts.ScriptTarget.ES2022,
  });
  const checker = program.getTypeChecker();
  const symbols = checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)))
    .map((symbol) => [
      symbol.name,
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    ]);
  const groups = groupBy(symbols, ([, symbol]) => moduleOf(symbol.declarations[0]));
  const lines = [
    '# Library',
    '',
    MADE,
    '',
    "What a notebook imports: `import { openDataset, trainRun } from 'cytobench'`.",
  ];
  for (const module of [...groups.keys()].sort()) {
    lines.push('', `## ${module}`);
    for (const [name, symbol] of groups
      .get(module)
      .sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))) {
      const [declaration] = symbol.declarations;
      const about = ts.displayPartsToString(symbol.getDocumentationComment(checker));
      lines.push('', `### ${name}`, '');
      if (about) lines.push(about, '');
      lines.push('```ts', textOf(ts, declaration), '```');
    }
  }
  return `${lines.join('\n')}\n`;
}

const moduleOf = (declaration) =>
  path
    .relative(built(), declaration.getSourceFile().fileName)
    .split(path.sep)[0]
    .replace(/\.d\.ts$/, '');

/** A declaration as the compiler writes it, without its comment. */
function textOf(ts, declaration) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return node
    .getText()
    .replace(/^export /, '')
    .replace(/^declare /, '')
    .replace(/\r/g, '');
}

/** The pages by their file names. */
export function pages() {
  return { 'settings.md': settingsPage(), 'commands.md': commandsPage(), 'library.md': libraryPage() };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, text] of Object.entries(pages())) {
    fs.mkdirSync(path.join(root, 'docs'), { recursive: true });
    fs.writeFileSync(path.join(root, 'docs', name), text);
  }
