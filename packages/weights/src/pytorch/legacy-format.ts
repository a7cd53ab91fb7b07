/**
 * Reader of the files of `torch.save` before PyTorch 1.6: five pickles (a magic number, the version, the system's sizes, the
 * value, the storages' keys), then the length and elements of each storage.
 */
import { DTYPE_BYTES } from '../safetensors/dtypes';
import type { ByteSource } from '../sources/bytes';
import { type StoredTensor, type WeightSource, weightSource } from '../sources/source';
import { collectTensors } from './collect';
import { InvalidFile, nameFile, PickleEnd } from './errors';
import { readView } from './gather';
import { type PickleHost, type PickleValue, unpickle } from './pickle';
import { type Storage, type StoredView, tensorsOnly } from './rebuild';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;

const FIRST_BYTES = 2 ** 16;
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
const LENGTH_BYTES = 8;

interface Pickles {
  readonly values: readonly PickleValue[];
  /** Offset of the end of the last pickle, in bytes. */
  readonly end: number;
}

/** Reads the first `count` pickles; only the part of the file that they need is read. */
async function readPickles(bytes: ByteSource, count: number, host: PickleHost): Promise<Pickles> {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const head = await bytes.read(0, Math.min(length, bytes.size));
    try {
      const values: PickleValue[] = [];
      let end = 0;
      while (values.length < count) {
        const next = unpickle(head, end, host);
        values.push(next.value);
        end = next.end;
      }
      return { values, end };
    } catch (error) {
      if (!(error instanceof PickleEnd)) throw error;
      if (length >= bytes.size) throw error;
      if (length >= MAX_PICKLE_BYTES) throw new InvalidFile('a pickle of more than 64 MiB');
    }
  }
}

/** Returns a host that adds the storages of all tensors to `storages`, by key. */
function storageCollector(storages: Map<string, Storage>): PickleHost {
  return {
    ...tensorsOnly,
    persistent(id) {
      const storage = tensorsOnly.persistent(id) as Storage;
      const known = storages.get(storage.key);
      if (known === undefined) storages.set(storage.key, storage);
      else if (known.dtype !== storage.dtype || known.length !== storage.length) {
        throw new InvalidFile(`the storage ${JSON.stringify(storage.key.slice(0, 40))} of two kinds`);
      }
      return storage;
    },
  };
}

/** Returns the offset in bytes of each storage's elements in the file. */
async function placeStorages(
  bytes: ByteSource,
  keys: PickleValue,
  storages: ReadonlyMap<string, Storage>,
  start: number,
): Promise<Map<string, number>> {
  if (!Array.isArray(keys)) throw new InvalidFile('no list of storages');
  const places = new Map<string, number>();
  let position = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key)) {
      throw new InvalidFile('a list of storages that is not that of its tensors');
    }
    const prefix = await bytes.read(position, LENGTH_BYTES);
    const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigInt64(0, true);
    if (length !== BigInt(storage.length)) {
      throw new InvalidFile(`a storage of ${length} elements where ${storage.length} are claimed`);
    }
    places.set(storage.key, position + LENGTH_BYTES);
    position += LENGTH_BYTES + storage.length * DTYPE_BYTES[storage.dtype];
    if (position > bytes.size) throw new InvalidFile('a storage that ends beyond the file: cut short?');
  }
  const missing = [...storages.keys()].find((key) => !places.has(key));
  if (missing !== undefined) throw new InvalidFile('tensors whose storage is not in the file');
  return places;
}

function storedTensor(bytes: ByteSource, start: number, view: StoredView): StoredTensor {
  return {
    dtype: view.storage.dtype,
    shape: view.shape,
    read: (rows) => readView((at, length) => bytes.read(start + at, length), view, rows),
  };
}

/** Opens a PyTorch file of the format before 1.6. */
export function readPytorchLegacy(bytes: ByteSource): Promise<WeightSource> {
  return nameFile(bytes.name, async () => {
    const storages = new Map<string, Storage>();
    const { values, end } = await readPickles(bytes, 5, storageCollector(storages));
    const [magic, version, , value, keys] = values;
    if (magic !== MAGIC) throw new InvalidFile('another magic number than torch.save writes');
    if (version !== VERSION) throw new InvalidFile(`version ${String(version).slice(0, 40)}, expected ${VERSION}`);
    const places = await placeStorages(bytes, keys!, storages, end);
    const tensors = [...collectTensors(value!)].map(([name, view]): [string, StoredTensor] => [
      name,
      storedTensor(bytes, places.get(view.storage.key)!, view),
    ]);
    return weightSource({
      name: bytes.name,
      format: 'pytorch',
      tensors: new Map(tensors),
      close: () => bytes.close(),
    });
  });
}
