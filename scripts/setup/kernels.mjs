import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { inRoot, makeFolder, run } from './shell.mjs';
import { nativeFolder } from './tensorflow.mjs';

/** The last wheel of oneDNN that runs on GCC's own threads and needs no other library. */
export const ONEDNN = '2023.2.0';

export const sources = inRoot('src', 'runtime', 'native');
const revision = /REVISION = (\d+)/.exec(
  fs.readFileSync(inRoot('src', 'runtime', 'kernels.ts'), 'utf8'),
)?.[1];
export const library = inRoot('.native', 'kernels', `cytobench_kernels_${revision}.node`);
const onednn = () => inRoot('.native', `onednn-${ONEDNN}`);

/** The wheels of oneDNN are for Linux on x86-64. Elsewhere, and on a GPU, TensorFlow's own kernels serve. */
export function kernelsFit() {
  return process.platform === 'linux' && process.arch === 'x64';
}

/** What the compiled kernels depend on beside their sources: they are built for this very processor. */
export function machineKey() {
  return `${os.cpus()[0]?.model} ${ONEDNN} ${path.basename(nativeFolder())}`;
}

export async function buildKernels(python) {
  if (!fs.existsSync(onednn())) await makeFolder(onednn(), (folder) => fetchOnednn(python, folder));
  const tensorflow = path.join(nativeFolder(), 'tensorflow');
  const folder = path.dirname(library);
  fs.mkdirSync(folder, { recursive: true });
  const files = fs.readdirSync(sources).filter((name) => name.endsWith('.cpp'));
  const flags = ['-O3', '-march=native', '-fno-math-errno', '-fno-trapping-math', '-std=c++17'];
  const headers = [path.join(onednn(), 'include'), path.join(tensorflow, 'include')];
  // Not path.join: it would fold $ORIGIN into the path.
  const relative = (target) => `$ORIGIN/${path.relative(folder, target)}`;
  run('g++', [
    ...['-shared', '-fPIC', '-fopenmp', '-fvisibility=hidden', ...flags],
    ...headers.map((header) => `-I${header}`),
    ...files.map((name) => path.join(sources, name)),
    ...['-o', `${library}.tmp`],
    path.join(onednn(), 'lib', 'libdnnl.so.3'),
    path.join(tensorflow, 'libtensorflow_framework.so.2'),
    `-Wl,-rpath,${relative(path.join(onednn(), 'lib'))}:${relative(tensorflow)}`,
  ]);
  // A registration that TensorFlow refuses ends the process, so it is tried in another one.
  const attempt = `const tf = require('@tensorflow/tfjs-node-gpu');
    require(${JSON.stringify(`${library}.tmp.node`)});
    if (tf.add(1, 1).dataSync()[0] !== 2) process.exit(1);`;
  fs.renameSync(`${library}.tmp`, `${library}.tmp.node`);
  run(process.execPath, ['-e', attempt], { env: { CUDA_VISIBLE_DEVICES: '-1', TF_CPP_MIN_LOG_LEVEL: '3' } });
  fs.renameSync(`${library}.tmp.node`, library);
}

function fetchOnednn(python, folder) {
  const wheels = path.join(folder, 'wheels');
  const names = ['onednn-cpu-gomp', 'onednn-devel-cpu-gomp'];
  run(python, [
    ...[
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--disable-pip-version-check',
      '-d',
      wheels,
    ],
    ...names.map((name) => `${name}==${ONEDNN}`),
  ]);
  run(python, ['-c', UNPACK, wheels, folder]);
  fs.rmSync(wheels, { recursive: true });
}

/** Headers, and the library under the one name it is loaded by. */
const UNPACK = `
import sys, glob, os, zipfile
for wheel in glob.glob(sys.argv[1] + '/*.whl'):
    with zipfile.ZipFile(wheel) as z:
        for n in z.namelist():
            inner = n.split('.data/data/')[-1]
            if not (inner.startswith('include/') or inner == 'lib/libdnnl.so.3'): continue
            target = os.path.join(sys.argv[2], inner)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, 'wb') as f: f.write(z.read(n))
`;
