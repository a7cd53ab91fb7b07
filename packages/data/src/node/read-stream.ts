/** Images in parts: from a stream of the caller, a download or standard input. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { formatBytes, isVggError, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { notAnImage } from '../pixels';

interface JoinOptions {
  /** Largest number of bytes. */
  readonly limit: number;
  /** Function that is called for each part. */
  readonly onPart?: (() => void) | undefined;
}

/** Returns the error of an image with more than `limit` bytes. */
export function tooLarge(name: string, limit: number): VggError {
  return new VggError(
    'image',
    `${name}: more than ${formatBytes(limit)}, the most that is read for one image: save it with fewer pixels, or as JPEG`,
  );
}

/**
 * Joins the parts of an image.
 * @throws VggError `VGG_IMAGE` for more than `limit` bytes; `VGG_ARGUMENT` for parts that are not bytes.
 */
export async function joinParts(
  name: string,
  parts: AsyncIterable<Uint8Array>,
  { limit, onPart }: JoinOptions,
): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const part of parts) {
    if (!(part instanceof Uint8Array)) throw notAnImage(part, 'a stream of bytes');
    onPart?.();
    length += part.length;
    if (length > limit) throw tooLarge(name, limit);
    kept.push(part);
  }
  return Buffer.concat(kept, length);
}

/** Yields the parts of a stream. When `signal` is aborted, throws its reason, even if no part arrives, and closes the stream. */
async function* partsUntil(signal: AbortSignal, stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const parts = stream[Symbol.asyncIterator]();
  const end = new AbortController();
  const aborted = once(signal, 'abort', { signal: end.signal }).then(() => Promise.reject(signal.reason));
  aborted.catch(() => {});
  try {
    while (true) {
      signal.throwIfAborted();
      const { done, value } = await Promise.race([parts.next(), aborted]);
      if (done) return;
      yield value;
    }
  } finally {
    end.abort();
    // A generator closes only once its next part has come.
    const closed = parts.return?.();
    if (!signal.aborted) await closed;
    else closed?.catch(() => {});
    if (signal.aborted && stream instanceof Readable) stream.destroy();
  }
}

/** Options of {@link readStream}. */
interface StreamOptions {
  /** Largest number of bytes. */
  readonly limit: number;
  /** Signal that stops the reading and closes the stream. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads an image from a stream of the caller.
 * @throws VggError `VGG_IO` if the stream fails; `VGG_IMAGE` for more than `limit` bytes; `VGG_ARGUMENT` for parts that are not
 *   bytes; the reason of `signal` when it is aborted.
 */
export async function readStream(
  name: string,
  stream: AsyncIterable<Uint8Array>,
  { limit, signal }: StreamOptions,
): Promise<Buffer> {
  try {
    // Only as a stream of Node can it be closed while a part is read.
    const source = stream instanceof ReadableStream ? Readable.fromWeb(stream, { objectMode: true }) : stream;
    return await joinParts(name, signal === undefined ? source : partsUntil(signal, source), { limit });
  } catch (error) {
    signal?.throwIfAborted();
    if (isVggError(error)) throw error;
    throw new VggError('io', `${name} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}
