/** Images in Node, from wherever they come: paths, addresses, bytes, streams, pixels. */
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';
import type { RawImage } from '../image';
import { imageOf, isPixelData, notAnImage, type Pixels } from '../pixels';
import type { ImageLocation } from '../source';
import { readableName } from './byte-names';
import { decodeImage } from './decode';

/**
 * Image in Node. A text is a path, or an address of http or https. Bytes, Blobs and streams hold an encoded image; pixels are RGB
 * or RGBA.
 */
export type NodeImage =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Pixels
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** Options of {@link loadImage}. */
export interface LoadImageOptions {
  /** Name of the image in error messages. Default its path or address, or `the image`. */
  readonly name?: string | undefined;
  /** Smallest side to which the caller will rescale the image, as for `decodeImage`. Default: no reduction. */
  readonly minSide?: number | undefined;
  /** Signal that stops a download. */
  readonly signal?: AbortSignal | undefined;
}

/** Largest number of bytes of an image that is downloaded or read from a stream. */
const LARGEST = 2 ** 28;

/** Reads a stream into memory. */
async function collect(stream: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    if (!(part instanceof Uint8Array)) throw notAnImage(part, 'a stream of bytes');
    length += part.length;
    if (length > LARGEST) throw new VggError('image', `${name} has more than ${LARGEST} bytes`);
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

async function fetchBytes(address: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const failed = (cause: unknown) => {
    signal?.throwIfAborted();
    return new VggError('io', `${address} cannot be fetched: check the address and the connection`, { cause });
  };
  const response = await fetch(address, { signal: signal ?? null }).catch((cause: unknown) =>
    Promise.reject(failed(cause)),
  );
  if (!response.ok) throw new VggError('io', `${address} cannot be fetched: the server answers ${response.status}`);
  try {
    return await collect((response.body ?? emptyStream()) as AsyncIterable<Uint8Array>, address);
  } catch (cause) {
    throw cause instanceof VggError ? cause : failed(cause);
  }
}

async function* emptyStream(): AsyncGenerator<Uint8Array, void> {}

function isStream(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Place of an image, and its name in error messages. */
export interface Located {
  readonly location: ImageLocation;
  readonly name: string;
}

/**
 * Finds the bytes or pixels of an image; a file is not read.
 * @throws VggError `VGG_IO` for an address that cannot be fetched; `VGG_ARGUMENT` for anything else than an image.
 */
export async function locate(image: NodeImage, { name, signal }: LoadImageOptions = {}): Promise<Located> {
  const bytes = (data: Uint8Array, own = 'the image'): Located => ({
    location: { kind: 'bytes', data },
    name: name ?? own,
  });
  if (typeof image === 'string' || image instanceof URL) {
    const address = String(image);
    if (/^https?:/i.test(address)) return bytes(await fetchBytes(address, signal), address);
    const path = /^file:/i.test(address) ? fileURLToPath(address) : address;
    return { location: { kind: 'file', path }, name: name ?? readableName(path) };
  }
  if (image instanceof Uint8Array) return bytes(image);
  if (image instanceof ArrayBuffer) return bytes(new Uint8Array(image));
  if (image instanceof Blob) return bytes(new Uint8Array(await image.arrayBuffer()), (image as Partial<File>).name);
  if (isPixelData(image)) return { location: { kind: 'pixels', ...imageOf(image) }, name: name ?? 'the image' };
  if (isStream(image)) return bytes(await collect(image, name ?? 'the image'));
  throw notAnImage(image, 'a path, an address, bytes, a Blob, a stream or pixels');
}

/**
 * Loads an image in Node: of a path, an address, encoded bytes, a Blob, a stream, or pixels such as `ImageData`. EXIF
 * orientation, CMYK and transparency are handled as for the files of a data set.
 * @throws VggError `VGG_IMAGE` if the image is unusable; `VGG_IO` if it cannot be read or fetched; `VGG_ARGUMENT` for anything else
 *   than an image.
 */
export async function loadImage(image: NodeImage, options: LoadImageOptions = {}): Promise<RawImage> {
  const { location, name } = await locate(image, options);
  return decodeImage(location, { name, minSide: options.minSide });
}
