// A bundle for machines without a network (GPU nodes of clusters): everything that the set-up fetched and built here, in
// parts of a chosen size.
//   CYTOBENCH_DEVICE=gpu node scripts/setup.mjs      first, so that the CUDA libraries are there (without it: for CPUs)
//   node scripts/bundle.mjs OUT [--part-mb 1900]     makes OUT/install.sh, OUT/parts.sha256 and OUT/part-0000, …
// There: sh install.sh FOLDER — checks every part, unpacks, and runs `cytobench doctor`.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { announce, inRoot, root, SetupError } from './setup/shell.mjs';
import { nativeFolder } from './setup/tensorflow.mjs';

const MEGABYTE = 1e6;

/** What goes in, relative to the repository: its files, what was built, packages, libraries, weights. */
function contents() {
  const listed = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (listed.status !== 0)
    throw new SetupError('git does not list the files of this folder', 'Make the bundle in a clone.');
  const native = path.relative(root, nativeFolder());
  const wanted = ['dist', 'node_modules', native, path.join('.native', 'weights')];
  for (const name of wanted)
    if (!fs.existsSync(inRoot(name)))
      throw new SetupError(`${name} is not there`, 'Run `npm run setup` first.');
  const tracked = listed.stdout.split('\0').filter((name) => name && fs.existsSync(inRoot(name)));
  return [...tracked, ...wanted];
}

/**
 * What is needed only to build: headers, and the kernels, which are compiled for this machine's own processor (another
 * one runs TensorFlow's ops, as a GPU does in any case).
 */
const LEFT_OUT = ['.native/*/tensorflow/include', '.native/*/wheel', 'node_modules/.cache'];

const INSTALL = `#!/bin/sh
# Unpacks this bundle of Cytobench and checks it: sh install.sh FOLDER. Needs no network.
set -eu
[ $# -eq 1 ] || { echo "usage: sh install.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$1" ] || [ -z "$(ls -A "$1")" ] || { echo "$1 is not empty: name a new folder" >&2; exit 1; }
(cd "$here" && sha256sum --quiet -c parts.sha256) || { echo "a part is damaged or missing: copy the bundle again" >&2; exit 1; }
mkdir -p "$1"
cat "$here"/part-* | tar -xzf - -C "$1"
cd "$1"
PATH="$PWD/.node:$PATH"
export PATH
.node/node dist/src/cli/main.js doctor || true
echo "unpacked: in $PWD, \\"PATH=$PWD/.node:\\$PATH npx cytobench …\\", or .node/node dist/src/cli/main.js …" >&2
.node/node -e 'const { tf, device } = require("./dist/src/runtime/tf.js"); if (tf.add(1, 1).dataSync()[0] !== 2) process.exit(1); console.log("the runtime works on", device)'
`;

async function bundle(out, partBytes) {
  if (fs.existsSync(out) && fs.readdirSync(out).length > 0)
    throw new SetupError(`${out} is not empty`, 'Name a new folder.');
  const names = contents();
  fs.mkdirSync(out, { recursive: true });
  const list = path.join(out, '.files');
  fs.writeFileSync(list, names.join('\0'));
  const node = fs.realpathSync(process.execPath);
  const tar = spawn(
    'tar',
    [
      ...[
        '-c',
        '--use-compress-program=gzip -1',
        '--null',
        '--no-wildcards-match-slash',
        ...LEFT_OUT.map((name) => `--exclude=${name}`),
      ],
      ...['-C', root, '-T', list, '-C', path.dirname(node)],
      ...['--transform', `s,^${path.basename(node)}$,.node/node,`, path.basename(node)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => tar.on('close', resolve));
  const sums = [];
  let [file, hash, left, total] = [null, null, 0, 0];
  const close = () => {
    if (file === null) return;
    fs.closeSync(file);
    sums.push(`${hash.digest('hex')}  ${partName(sums.length)}`);
    announce(`part ${sums.length}, ${(total / MEGABYTE).toFixed(0)} MB so far`);
    file = null;
  };
  for await (const chunk of tar.stdout)
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        close();
        file = fs.openSync(path.join(out, partName(sums.length)), 'wx');
        [hash, left] = [createHash('sha256'), partBytes];
      }
      const piece = chunk.subarray(at, at + left);
      fs.writeSync(file, piece);
      hash.update(piece);
      at += piece.length;
      left -= piece.length;
      total += piece.length;
    }
  close();
  if ((await ended) !== 0) throw new SetupError('tar failed', 'Look at what it says above.');
  fs.rmSync(list);
  fs.writeFileSync(path.join(out, 'parts.sha256'), `${sums.join('\n')}\n`);
  fs.writeFileSync(path.join(out, 'install.sh'), INSTALL, { mode: 0o755 });
  announce(
    `${sums.length} parts, ${(total / MEGABYTE).toFixed(0)} MB in ${out}; there: sh install.sh FOLDER`,
  );
}

const partName = (number) => `part-${String(number).padStart(4, '0')}`;

const [out, flag, megabytes = '1900'] = process.argv.slice(2);
const size = Number(megabytes) * MEGABYTE;
if (!out || (flag !== undefined && flag !== '--part-mb') || !(size >= MEGABYTE)) {
  process.stderr.write('usage: node scripts/bundle.mjs OUT [--part-mb N]      N megabytes, at least 1\n');
  process.exit(2);
}
try {
  await bundle(path.resolve(out), Math.floor(size));
} catch (error) {
  process.stderr.write(`\nbundle: ${error.message}${error.fix ? `\n  ${error.fix}` : ''}\n`);
  process.exit(1);
}
