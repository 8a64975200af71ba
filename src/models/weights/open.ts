import { nearestName } from '../../core/errors';
import { asWeightsError, ByteFile } from './formats/byte_file';
import { DTYPES, decodeTensor, type TensorData, toFloat32 } from './formats/dtype';
import { openLegacy, openZip } from './formats/pytorch';
import { openSafetensors } from './formats/safetensors';
import { countElements, type Listing, readView, type WeightsFile } from './formats/stored_tensor';

/** Views of little may be of any size; a file that asks for far more than it holds is not read. */
const SLACK_BYTES = 32 * 2 ** 20;

/**
 * Opens a `.pth`, `.pt` (zip or legacy format) or `.safetensors` file, by its content, not its name. Nothing in
 * the file is ever run. Throws WeightsError, one line naming the file, for anything that cannot be read.
 */
export function openWeights(path: string): WeightsFile {
  try {
    const file = new ByteFile(path);
    return file.session(() => listed(file, list(file)));
  } catch (error) {
    throw asWeightsError(error, path);
  }
}

function list(file: ByteFile): Listing {
  if (file.size === 0) throw file.fail('the file is empty');
  const head = file.read(0, Math.min(16, file.size));
  // First, for the length that a safetensors file begins with may have any bytes, those of a zip or a pickle too.
  if (head.length >= 9 && head[8] === 0x7b && head.subarray(4, 8).every((byte) => byte === 0))
    return openSafetensors(file);
  if (head[0] === 0x50 && head[1] === 0x4b) return openZip(file);
  if (head[0] === 0x80) return openLegacy(file);
  throw file.fail('neither a PyTorch nor a safetensors file');
}

function listed(file: ByteFile, { format, views, metadata }: Listing): WeightsFile {
  const byName = new Map(views.map((view) => [view.name, view]));
  const limit = 8 * file.size + SLACK_BYTES;
  let total = 0;
  for (const view of views) {
    const bytes = countElements(view.shape) * DTYPES[view.dtype].bytes;
    total += bytes;
    if (bytes > file.size + SLACK_BYTES || !(total <= limit))
      throw file.fail(
        `refused: it unfolds to over ${Math.round(limit / 2 ** 20)} MB from ${file.size} bytes`,
      );
  }
  const readBytes = (name: string): Uint8Array => {
    const view = byName.get(name);
    if (view) return readView(file, view);
    const near = nearestName(name, [...byName.keys()]);
    throw file.fail(`no tensor "${name}"${near ? `; the nearest is "${near}"` : ''}`);
  };
  const read = (name: string): TensorData => {
    const bytes = readBytes(name);
    return decodeTensor(byName.get(name)!.dtype, bytes);
  };
  return {
    path: file.path,
    format,
    size: file.size,
    metadata,
    tensors: views.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    has: (name) => byName.has(name),
    read,
    readFloat32: (name) => toFloat32(read(name)),
    readBytes,
  };
}
