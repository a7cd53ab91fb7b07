/** Weight files in Node: paths, in addition to what browsers open. */
import { localPath } from '@vgg/core/node';
import { type LoadedNet, type LoadNetOptions, loadFrom } from '../load-net';
import { type OpenOptions, openFrom, type WeightFile } from '../open';
import type { ByteSource } from '../sources/bytes';
import type { WeightSource } from '../sources/source';
import { openBytes } from './file-bytes';

/**
 * Opens a file of weights of any format that this package reads: of a path, an address of http or https, bytes, a Blob, or a
 * `ByteSource`. The content decides the format. Closing the result closes the file; when this function throws, the file is closed.
 * Shards are fetched from the folder of an address, without its query.
 * @throws VggError `VGG_WEIGHTS` when the format is not known or the file is damaged; `VGG_IO` when it cannot be read or fetched;
 *   `VGG_ARGUMENT` for an invalid file URL or anything else than a file, and when h5wasm, which Keras's files need, cannot be
 *   loaded.
 */
export function openWeights(file: WeightFile | ByteSource, options: OpenOptions = {}): Promise<WeightSource> {
  return openFrom(file, options, (address) => openBytes(localPath(address, 'net.pth')));
}

/**
 * Loads the net that a file holds: of a path, an address of http or https, bytes, a Blob, or an open file. It closes what it
 * opened; an open file stays open. Its weights are copied to the backend one by one; this needs at most 32 MB in addition to them.
 * The caller disposes `model`.
 * @throws VggError as `openWeights`; `VGG_WEIGHTS`, one line that names the file, when there is no net, it does not fit, or a
 *   weight is not finite; `VGG_BACKEND` when no backend of TF.js is registered.
 */
export function loadNet(file: WeightFile | WeightSource, options: LoadNetOptions = {}): Promise<LoadedNet> {
  return loadFrom(file, options, openWeights);
}
