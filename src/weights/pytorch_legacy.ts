import { ByteCursor, type ByteFile } from './byte_file';
import { DTYPES } from './dtype';
import type { Listing } from './open';
import { noStateDict, torchViews } from './pytorch_zip';
import { findStateDict } from './state_dict';
import { readTorchPickle, type TorchStorage } from './torch_pickle';

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
