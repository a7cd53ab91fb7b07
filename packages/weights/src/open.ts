/** Opening of weight files from wherever they are: an address, bytes, a Blob, a file that is already open. */
import { VggError } from '@vgg/core';
import { openWeights as openBytesOfWeights } from './detect';
import type { Hdf5Loader } from './keras/hdf5';
import { type ByteSource, bytesOf, checkShardName } from './sources/bytes';
import type { WeightSource } from './sources/source';

/** Weight file: its address (in Node also its path), or its content. */
export type WeightFile = string | URL | Uint8Array | ArrayBuffer | Blob;

/** Options of opening a file. */
export interface OpenOptions {
  /** Signal that stops the download. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Loader of the package h5wasm, which reads Keras's files. Pages that webpack or Next.js bundles need
   * `() => import('h5wasm')`. Default the same import, which those bundlers leave to the browser.
   */
  readonly hdf5?: Hdf5Loader | undefined;
}

async function fetchBlob(address: string | URL, signal: AbortSignal | undefined): Promise<Blob> {
  const failed = (cause: unknown) => {
    signal?.throwIfAborted();
    const hint = /^https?:/i.test(String(address)) ? '' : ' (in Node, @vgg/weights/node opens paths)';
    return new VggError('io', `${address} cannot be fetched: check the address and the connection${hint}`, { cause });
  };
  const response = await fetch(address, { signal: signal ?? null }).catch((cause) => Promise.reject(failed(cause)));
  if (!response.ok) throw new VggError('io', `${address} cannot be fetched: the server answers ${response.status}`);
  return response.blob().catch((cause) => Promise.reject(failed(cause)));
}

/**
 * Returns the address of a file in the folder of another, without the query of that: a signature is valid for one file.
 * @throws VggError `VGG_WEIGHTS` for a name that could be outside the folder: a file must not choose what is fetched;
 *   `VGG_ARGUMENT` for an address of data or blob, which has no folder.
 */
function siblingAddress(address: string | URL, name: string): URL {
  checkShardName(String(address), name);
  const base = new URL(address, globalThis.location?.href);
  try {
    return new URL(encodeURIComponent(name), base);
  } catch (cause) {
    const problem = `the file needs ${JSON.stringify(name.slice(0, 80))} of its folder, but a ${base.protocol} address has none`;
    const advice = 'pass an address of http or https, or bytesOf(bytes, name, siblings)';
    throw new VggError('argument', `${problem}: ${advice}`, { cause });
  }
}

/** Downloads a file. Its siblings are downloaded from the same folder of the server when they are needed. */
async function download(address: string | URL, signal: AbortSignal | undefined): Promise<ByteSource> {
  const bytes = bytesOf(await fetchBlob(address, signal), String(address));
  return { ...bytes, openSibling: async (name) => download(siblingAddress(address, name), signal) };
}

/** Returns the source of a file's bytes. @param openPath opener of a text that is not an address of http or https. */
async function bytesFrom(
  file: WeightFile,
  { signal }: OpenOptions,
  openPath: (path: string) => Promise<ByteSource>,
): Promise<ByteSource> {
  if (typeof file === 'string' || file instanceof URL) {
    const address = String(file);
    return /^https?:/i.test(address) ? download(address, signal) : openPath(address);
  }
  if (file instanceof ArrayBuffer) return bytesOf(new Uint8Array(file));
  if (file instanceof Uint8Array) return bytesOf(file);
  if (file instanceof Blob) return bytesOf(file, (file as Partial<File>).name);
  throw new VggError(
    'argument',
    `expected a weight file as a path, an address, bytes or a Blob, got ${file === null ? 'null' : typeof file}`,
  );
}

function isByteSource(file: object): file is ByteSource {
  return 'openSibling' in file && 'read' in file;
}

/** True for a file that is open, which its opener closes. */
export function isOpen(file: unknown): file is WeightSource {
  return typeof file === 'object' && file !== null && 'tensors' in file && 'read' in file;
}

/** Opens a weight file as {@link openWeights} does. @param openPath opener of a text that is not an address. */
export async function openFrom(
  file: WeightFile | ByteSource,
  options: OpenOptions,
  openPath: (path: string) => Promise<ByteSource>,
): Promise<WeightSource> {
  const isSource = typeof file === 'object' && file !== null && isByteSource(file);
  const bytes = isSource ? file : await bytesFrom(file as WeightFile, options, openPath);
  return openBytesOfWeights(bytes, options.hdf5);
}

/**
 * Opens a file of weights of any format that this package reads: of an address (also relative to the page), bytes, a Blob, or a
 * `ByteSource`. The content decides the format. Closing the result closes the file; when this function throws, the file is closed.
 * Shards are fetched from the folder of the address, without its query.
 * @throws VggError `VGG_WEIGHTS` when the format is not known or the file is damaged; `VGG_IO` when it cannot be read or fetched;
 *   `VGG_ARGUMENT` for anything else than a file, and when h5wasm, which Keras's files need, cannot be loaded.
 */
export function openWeights(file: WeightFile | ByteSource, options: OpenOptions = {}): Promise<WeightSource> {
  return openFrom(file, options, (address) => download(address, options.signal));
}
