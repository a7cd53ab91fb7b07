/** Reader of Keras's files: `.h5` of weights or whole models, and `.keras`, a zip archive that contains an `.h5`. */
import { VggError } from '@vgg/core';
import type { ByteSource } from '../sources/bytes';
import { type JsonBytes, readJson } from '../sources/json';
import type { WeightSource } from '../sources/source';
import type { Zip } from '../sources/zip';
import { withEpsilons } from './epsilons';
import { type Hdf5Loader, readHdf5 } from './hdf5';

/** Members of a `.keras` archive. */
const WEIGHTS = 'model.weights.h5';
const CONFIG = 'config.json';

/** Largest size of an HDF5 file: the library keeps the whole file in memory, with 32-bit sizes. */
const MAX_BYTES = 2 ** 31 - 1;

function checkSize(source: string, size: number): void {
  if (size <= MAX_BYTES) return;
  throw new VggError('weights', `${source} has ${size} bytes of HDF5, at most ${MAX_BYTES} can be read`);
}

/** Adds the epsilons in the model's configuration, if there is one, to the tensors of a file. */
async function applyConfig(source: WeightSource, config: JsonBytes | undefined): Promise<WeightSource> {
  if (config === undefined) return source;
  try {
    return { ...source, tensors: withEpsilons(source.tensors, await readJson(config), source.name) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Opens an HDF5 file.
 * @throws VggError `VGG_WEIGHTS` when it is damaged; `VGG_ARGUMENT` when the package h5wasm cannot be loaded.
 */
export async function readKerasH5(bytes: ByteSource, loader?: Hdf5Loader): Promise<WeightSource> {
  checkSize(bytes.name, bytes.size);
  const content = await bytes.read(0, bytes.size);
  return readHdf5({ name: bytes.name, content, format: 'hdf5', close: () => bytes.close() }, loader);
}

/**
 * Opens a `.keras` archive.
 * @throws VggError `VGG_WEIGHTS` when it is damaged; `VGG_ARGUMENT` when the package h5wasm cannot be loaded.
 */
export async function readKeras(bytes: ByteSource, zip: Zip, loader?: Hdf5Loader): Promise<WeightSource> {
  const member = zip.get(WEIGHTS)!;
  const config = zip.get(CONFIG);
  checkSize(bytes.name, member.size);
  const content = await member.read(0, member.size);
  const source = await readHdf5({ name: bytes.name, content, format: 'keras', close: () => bytes.close() }, loader);
  return applyConfig(source, config && { ...config, name: `${CONFIG} of ${bytes.name}` });
}
