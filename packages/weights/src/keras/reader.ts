/** Keras's files: `.h5` of weights or of whole models, and `.keras`, a zip archive with such a file in it. */
import { VggError } from '@vgg/core';
import type { ByteSource } from '../sources/bytes';
import { type JsonBytes, readJson } from '../sources/json';
import type { WeightSource } from '../sources/source';
import type { Zip } from '../sources/zip';
import { withEpsilons } from './epsilons';
import { readHdf5 } from './hdf5';

/** The members of a `.keras` archive that hold the numbers and the model's configuration. */
const [WEIGHTS, CONFIG] = ['model.weights.h5', 'config.json'];

/** HDF5's library keeps the whole file in memory, whose sizes are 32-bit numbers. */
const MAX_BYTES = 2 ** 31 - 1;

function checkSize(source: string, size: number): void {
  if (size <= MAX_BYTES) return;
  throw new VggError('weights', `${source} has ${size} bytes of HDF5, at most ${MAX_BYTES} can be read`);
}

/** The same file with what its model's configuration, if it has one, says of its tensors. */
async function configured(source: WeightSource, config: JsonBytes | undefined): Promise<WeightSource> {
  if (config === undefined) return source;
  try {
    return { ...source, tensors: withEpsilons(source.tensors, await readJson(config), source.name) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Opens an HDF5 file. @throws VggError `VGG_WEIGHTS`, `VGG_ARGUMENT` without the package h5wasm. */
export async function readKerasH5(bytes: ByteSource): Promise<WeightSource> {
  checkSize(bytes.name, bytes.size);
  const content = await bytes.read(0, bytes.size);
  return readHdf5({ name: bytes.name, content, format: 'hdf5', close: () => bytes.close() });
}

/** Opens a `.keras` archive. @throws VggError `VGG_WEIGHTS`, `VGG_ARGUMENT` without the package h5wasm. */
export async function readKeras(bytes: ByteSource, zip: Zip): Promise<WeightSource> {
  const [member, config] = [zip.get(WEIGHTS)!, zip.get(CONFIG)];
  checkSize(bytes.name, member.size);
  const content = await member.read(0, member.size);
  const source = await readHdf5({ name: bytes.name, content, format: 'keras', close: () => bytes.close() });
  return configured(source, config && { ...config, name: `${CONFIG} of ${bytes.name}` });
}
