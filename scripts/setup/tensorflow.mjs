import * as fs from 'node:fs';
import * as path from 'node:path';
import { answers, inRoot, SetupError } from './shell.mjs';

/** The version whose C API the binding was measured against. */
export const TENSORFLOW = '2.21.0';

export function gpuPresent() {
  if (process.env.CYTOBENCH_DEVICE === 'cpu' || process.platform !== 'linux') return false;
  return process.env.CYTOBENCH_DEVICE === 'gpu' || answers('nvidia-smi', ['-L']);
}

export function nativeFolder() {
  return inRoot('.native', `tensorflow-${TENSORFLOW}${gpuPresent() ? '-cuda' : ''}`);
}

/** The wheel's platform tag. Linux x86-64 is tested; the others take their own wheel by the same recipe. */
export function wheelPlatform() {
  const tag = {
    'linux-x64': 'manylinux_2_27_x86_64',
    'linux-arm64': 'manylinux_2_27_aarch64',
    'darwin-arm64': 'macosx_12_0_arm64',
  }[`${process.platform}-${process.arch}`];
  if (!tag)
    throw new SetupError(
      `no native runtime for ${process.platform} ${process.arch}`,
      'Use Linux (x86-64, arm64) or macOS on Apple silicon.',
    );
  return tag;
}

/** Points the binding package's deps/ at the wheel's headers and libraries, under the names it looks for. */
export function linkLibraries(bindingPackage) {
  const deps = path.join(bindingPackage, 'deps');
  const native = path.join(nativeFolder(), 'tensorflow');
  fs.rmSync(deps, { recursive: true, force: true });
  fs.mkdirSync(path.join(deps, 'lib'), { recursive: true });
  const link = (to, from) => fs.symlinkSync(path.relative(path.dirname(from), to), from);
  link(path.join(native, 'include'), path.join(deps, 'include'));
  const mac = process.platform === 'darwin';
  const cc = path.join(native, mac ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2');
  const framework = path.join(
    native,
    mac ? 'libtensorflow_framework.2.dylib' : 'libtensorflow_framework.so.2',
  );
  const names = mac
    ? [
        [cc, 'libtensorflow.2.dylib'],
        [cc, 'libtensorflow_cc.2.dylib'],
        [framework, 'libtensorflow_framework.2.dylib'],
      ]
    : [
        [cc, 'libtensorflow.so'],
        [cc, 'libtensorflow_cc.so.2'],
        [framework, 'libtensorflow_framework.so'],
        [framework, 'libtensorflow_framework.so.2'],
      ];
  for (const [library, name] of names) link(library, path.join(deps, 'lib', name));
  // The CUDA wheels' libraries are looked for beside the TensorFlow folder, by its run path.
  const cuda = path.join(nativeFolder(), 'cuda', 'nvidia');
  if (fs.existsSync(cuda)) {
    link(cuda, path.join(deps, 'nvidia'));
    if (!fs.existsSync(path.join(nativeFolder(), 'nvidia'))) link(cuda, path.join(nativeFolder(), 'nvidia'));
  }
}
