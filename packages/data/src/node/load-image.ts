/** Images in Node, from wherever they come: paths, addresses, bytes, streams, pixels. */
import { localPath } from '@vgg/core/node';
import { shownAddress } from '../address';
import type { RawImage } from '../image';
import { imageOf, isPixelData, notAnImage, type Pixels } from '../pixels';
import type { ImageLocation } from '../source';
import { readableName } from './byte-names';
import { decodeImage } from './decode';
import { fetchImage } from './fetch-image';
import { readStream } from './read-stream';

/**
 * Image in Node. A text is a path, or an address of http, https, file or data. Bytes, Blobs and streams hold an encoded image;
 * pixels are RGB or RGBA.
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
  /** Signal that stops a download, or the reading of a stream, which it closes. */
  readonly signal?: AbortSignal | undefined;
}

/** Largest number of bytes of a stream, which the caller opened itself. */
const LARGEST_STREAM = 2 ** 28;

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
 * @throws VggError `VGG_IO` for an address that cannot be fetched or a stream that fails; `VGG_IMAGE` for a web page, or too many bytes; `VGG_ARGUMENT` for
 *   an invalid file or data URL, or anything else than an image; the reason of `signal` when it is aborted.
 */
export async function locate(image: NodeImage, { name, signal }: LoadImageOptions = {}): Promise<Located> {
  const bytes = (data: Uint8Array, own = 'the image'): Located => ({
    location: { kind: 'bytes', data },
    name: name ?? own,
  });
  if (typeof image === 'string' || image instanceof URL) {
    const address = String(image);
    if (/^(https?|data):/i.test(address)) return bytes(await fetchImage(address, { signal }), shownAddress(address));
    const path = localPath(address, 'photo.jpg');
    return { location: { kind: 'file', path }, name: name ?? readableName(path) };
  }
  if (image instanceof Uint8Array) return bytes(image);
  if (image instanceof ArrayBuffer) return bytes(new Uint8Array(image));
  if (image instanceof Blob) return bytes(new Uint8Array(await image.arrayBuffer()), (image as Partial<File>).name);
  if (isPixelData(image)) return { location: { kind: 'pixels', ...imageOf(image) }, name: name ?? 'the image' };
  if (isStream(image)) return bytes(await readStream(name ?? 'the image', image, { limit: LARGEST_STREAM, signal }));
  throw notAnImage(image, 'a path, an address, bytes, a Blob, a stream or pixels');
}

/**
 * Loads an image in Node: of a path, an address, encoded bytes, a Blob, a stream, or pixels such as `ImageData`. EXIF
 * orientation, CMYK and transparency are handled as for the files of a data set. A download may have 64 MiB, a stream 256 MiB.
 * @throws VggError `VGG_IMAGE` if the image is unusable; `VGG_IO` if it cannot be read or fetched; `VGG_ARGUMENT` for an invalid
 *   file or data URL, or anything else than an image; the reason of `signal` when it is aborted.
 */
export async function loadImage(image: NodeImage, options: LoadImageOptions = {}): Promise<RawImage> {
  const { location, name } = await locate(image, options);
  return decodeImage(location, { name, minSide: options.minSide });
}
