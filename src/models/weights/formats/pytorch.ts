import { ByteCursor, type ByteFile } from './byte_file';
import { DTYPES } from './dtype';
import type { Listing, StoredView } from './stored_tensor';
import {
  findStateDict,
  printable,
  readTorchPickle,
  type TorchStorage,
  type TorchTensor,
} from './torch_pickle';
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

/** First pickle of every legacy file. Source: torch/serialization.py, MAGIC_NUMBER. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * A file as `torch.save` wrote it before version 1.6: pickles of a magic number, a version, facts about the
 * machine, the object and the list of storage keys; then each storage as its length (int64) and its elements.
 */
export function openLegacy(file: ByteFile): Listing {
  const cursor = new ByteCursor(file, 0, file.size);
  const none = new Map<string, TorchStorage>();
  if (readTorchPickle(cursor, none) !== MAGIC)
    throw file.fail(
      'a pickle, but not one that torch.save has written',
      'Give a file written by torch.save.',
    );
  if (readTorchPickle(cursor, none) !== PROTOCOL)
    throw file.fail('a legacy PyTorch file of an unknown version');
  const machine = readTorchPickle(cursor, none);
  if (machine instanceof Map && machine.get('little_endian') === false)
    throw file.fail('written on a big-endian machine; only little-endian files are read');
  const storages = new Map<string, TorchStorage>();
  const root = readTorchPickle(cursor, storages);
  const keys = readTorchPickle(cursor, none);
  if (!Array.isArray(keys)) throw file.fail('the file is damaged: no list of storages');
  let at = cursor.position;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) throw file.fail('the file is damaged: it lists a storage that no tensor has');
    const header = file.read(at, 8);
    const length = Number(new DataView(header.buffer).getBigInt64(0, true));
    // Untyped storages write their length in bytes; typed ones in elements.
    if (length !== storage.length) throw file.fail('the file is damaged: a storage has two lengths');
    storage.start = at + 8;
    at = storage.start + length * DTYPES[storage.dtype].bytes;
    if (at > file.size)
      throw file.fail(`the file is cut or damaged: it has ${file.size} bytes, at least ${at} are needed`);
  }
  for (const storage of storages.values())
    if (storage.start < 0) throw file.fail('the file is damaged: a storage of a tensor is missing');
  const found = findStateDict(root);
  if (!found) throw noStateDict(file);
  return { format: 'pytorch-legacy', views: torchViews(found.tensors), metadata: found.metadata };
}
