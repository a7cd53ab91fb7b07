/** Images that are not in a file: from an address, a stream or standard input. */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { isVggError, VggError } from '@vgg/core';
import { invalidDataUrl, shownAddress } from '../address';
import { joinParts, readStream, tooLarge } from './read-stream';

/** Largest image that is fetched or read from standard input, in bytes. */
export const MAX_IMAGE_BYTES = 64 * 2 ** 20;

/** Longest time without a byte, in milliseconds. */
const SILENCE_MS = 30_000;

/** Options of {@link fetchImage}. */
interface FetchImageOptions {
  /** Signal that stops the download. */
  readonly signal?: AbortSignal | undefined;
}

/** Returns true for an address of http or https. */
export function isAddress(word: string): boolean {
  return /^https?:\/\//i.test(word);
}

/** Returns the reason why a request failed, from the error or from its cause. */
function reasonOf(error: unknown, silent: boolean): string {
  if (silent) return `no answer for ${SILENCE_MS / 1000} s`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'the name of its server is not found: is this machine online?';
  if (code === 'ECONNREFUSED') return 'its server refuses the connection';
  return cause instanceof Error && cause.message !== '' ? cause.message : String(code ?? cause);
}

/**
 * Fetches an image of an address of http or https, or of a data URL.
 * @throws VggError `VGG_IO` for an address that cannot be fetched; `VGG_IMAGE` for a web page, or more than `MAX_IMAGE_BYTES`;
 *   `VGG_ARGUMENT` for an invalid data URL; the reason of `signal` when it is aborted.
 */
export async function fetchImage(address: string, { signal }: FetchImageOptions = {}): Promise<Buffer> {
  const name = shownAddress(address);
  const failed = (reason: string, cause?: unknown) =>
    new VggError('io', `${name} cannot be fetched: ${reason}`, { cause, details: { address: name } });
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), SILENCE_MS);
  const signals = signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]);
  try {
    const response = await fetch(address, { signal: signals, headers: { accept: 'image/*' } });
    if (!response.ok) throw failed(`the server answers ${response.status} ${response.statusText}: check the address`);
    const type = response.headers.get('content-type') ?? '';
    if (/^text\/html/i.test(type)) {
      throw new VggError('image', `${name}: a web page, not an image: use the address of the image itself`);
    }
    const limit = MAX_IMAGE_BYTES;
    if (Number(response.headers.get('content-length') ?? 0) > limit) throw tooLarge(name, limit);
    if (response.body === null) return Buffer.alloc(0);
    const parts = Readable.fromWeb(response.body as ReadableStream);
    return await joinParts(name, parts, { limit, onPart: () => timer.refresh() });
  } catch (error) {
    signal?.throwIfAborted();
    if (isVggError(error)) throw error;
    if (/^data:/i.test(address)) throw invalidDataUrl(address, error);
    throw failed(reasonOf(error, abort.signal.aborted), error);
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/**
 * Reads the image on standard input.
 * @throws VggError `VGG_IMAGE` when there is none, or it is too large; `VGG_IO` when it cannot be read.
 */
export async function readStandardInput(stream: NodeJS.ReadStream = process.stdin): Promise<Buffer> {
  if (stream.isTTY)
    throw new VggError('image', 'standard input: expected an image from a pipe, as in: cat photo.jpg | ... -');
  const bytes = await readStream('standard input', stream, { limit: MAX_IMAGE_BYTES });
  if (bytes.length === 0) throw new VggError('image', 'standard input: expected an image, got nothing');
  return bytes;
}
