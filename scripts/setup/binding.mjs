import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { inRoot, makeFolder, run } from './shell.mjs';
import { TENSORFLOW } from './tensorflow.mjs';

/** The binding's sources in this repository: the package's own, with functions. */
const source = inRoot('src', 'runtime', 'binding', 'functions.cc');

/** What the compiled binding depends on. */
export function bindingKey() {
  const hash = createHash('sha256').update(fs.readFileSync(source)).digest('hex').slice(0, 16);
  return `${TENSORFLOW} ${process.arch} ${hash}`;
}

/**
 * Compiles the binding in a folder of its own, by the package's recipe: one of its two sources is read through ours.
 * Nothing in node_modules is changed.
 * @param bindingPackage the package, with its deps/ linked.
 * @param headers the folder above Node's include/, or undefined: node-gyp downloads them.
 * @param library the file to make.
 */
export async function buildBinding(bindingPackage, headers, library) {
  const folder = inRoot('.native', 'binding');
  await makeFolder(folder, (made) => {
    fs.cpSync(path.join(bindingPackage, 'binding'), path.join(made, 'binding'), { recursive: true });
    const about = JSON.parse(fs.readFileSync(path.join(bindingPackage, 'package.json'), 'utf8'));
    // One version of Node's interface, not six.
    about.binary.napi_versions = [8];
    fs.writeFileSync(path.join(made, 'package.json'), JSON.stringify(about));
    fs.copyFileSync(source, path.join(made, 'binding', 'functions.cc'));
    const recipe = fs.readFileSync(path.join(bindingPackage, 'binding.gyp'), 'utf8');
    const own = recipe.replace("'binding/tfjs_binding.cc'", "'binding/functions.cc'");
    if (own === recipe)
      throw new Error('the recipe of the binding does not name the source that is replaced');
    fs.writeFileSync(path.join(made, 'binding.gyp'), own);
    fs.symlinkSync(fs.realpathSync(path.join(bindingPackage, 'deps')), path.join(made, 'deps'));
  });
  const tool = inRoot('node_modules', '.bin', 'node-pre-gyp');
  run(tool, ['rebuild', '--build-from-source', ...(headers ? [`--nodedir=${headers}`] : [])], {
    cwd: folder,
    fix: 'Debian: apt-get install g++ make, and Node with its headers.',
  });
  fs.copyFileSync(path.join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'), `${library}.tmp`);
  fs.renameSync(`${library}.tmp`, library);
  fs.rmSync(folder, { recursive: true });
}
