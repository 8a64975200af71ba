import { ByteCursor, type ByteFile } from './byte_file';
import { DTYPES } from './dtype';
import type { Listing } from './open';
import { findStateDict } from './state_dict';
import type { StoredView } from './stored_view';
import { printable, readTorchPickle, type TorchStorage, type TorchTensor } from './torch_pickle';
import { locateEntry, readZipEntries } from './zip';

/** A file as `torch.save` has written it since version 1.6: a zip with `NAME/data.pkl` and `NAME/data/KEY`. */
export function openZip(file: ByteFile): Listing {
  const entries = readZipEntries(file);
  const pickleName = [...entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickleName === undefined)
    throw file.fail(
      'a zip file, but not a PyTorch one: it has no data.pkl',
      'Give a file written by torch.save.',
    );
  const prefix = pickleName.slice(0, -'data.pkl'.length);
  if (entries.has(`${prefix}constants.pkl`))
    throw file.fail(
      'refused: a TorchScript program, not a state dict',
      'Save the state dict alone: torch.save(model.state_dict(), FILE).',
    );
  const order = entries.get(`${prefix}byteorder`);
  if (order && order.size <= 16) {
    const text = Buffer.from(file.read(locateEntry(file, order), order.size)).toString('latin1');
    if (text !== 'little') throw file.fail(`byte order "${printable(text)}" is not read, only "little"`);
  }
  const pickle = entries.get(pickleName)!;
  const start = locateEntry(file, pickle);
  const storages = new Map<string, TorchStorage>();
  const root = readTorchPickle(new ByteCursor(file, start, start + pickle.size), storages);
  for (const storage of storages.values()) {
    const entry = entries.get(`${prefix}data/${storage.key}`);
    if (!entry) throw file.fail(`the file is damaged: its storage "${printable(storage.key)}" is missing`);
    if (entry.size < storage.length * DTYPES[storage.dtype].bytes)
      throw file.fail(`the file is damaged: its storage "${printable(storage.key)}" is too short`);
    storage.start = locateEntry(file, entry);
  }
  const found = findStateDict(root);
  if (!found) throw noStateDict(file);
  return { format: 'pytorch-zip', views: torchViews(found.tensors), metadata: found.metadata };
}

/** The error for a file that holds no dictionary of tensors. */
export function noStateDict(file: ByteFile): Error {
  return file.fail(
    'holds no state dict (a dictionary of tensors by name)',
    'Save it with torch.save(model.state_dict(), FILE).',
  );
}

/** Tensors as places in the file; every storage has its `start`. */
export function torchViews(tensors: ReadonlyMap<string, TorchTensor>): StoredView[] {
  return [...tensors].map(([name, tensor]) => ({
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    strides: tensor.strides,
    start: tensor.storage.start + tensor.offset * DTYPES[tensor.dtype].bytes,
  }));
}
