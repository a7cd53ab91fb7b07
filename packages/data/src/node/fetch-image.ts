/** Images that are not in a file: from an address or from standard input. */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { formatBytes, isVggError, VggError } from '@vgg/core';

/** Largest image that is fetched or read from standard input, in bytes. */
export const MAX_IMAGE_BYTES = 64 * 2 ** 20;

/** Longest time without a byte, in milliseconds. */
const SILENCE_MS = 30_000;

/** Returns true for an address of http or https. */
export function isAddress(word: string): boolean {
  return /^https?:\/\//i.test(word);
}

function tooLarge(name: string): VggError {
  return new VggError(
    'image',
    `${name}: more than ${formatBytes(MAX_IMAGE_BYTES)}, the most that is read for one image`,
  );
}

/** Joins the parts of an image. @throws VggError `VGG_IMAGE` for more than `MAX_IMAGE_BYTES`. */
async function joined(name: string, parts: AsyncIterable<Uint8Array>, onPart = () => {}): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const part of parts) {
    onPart();
    length += part.length;
    if (length > MAX_IMAGE_BYTES) throw tooLarge(name);
    kept.push(part);
  }
  return Buffer.concat(kept, length);
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
 * Fetches an image.
 * @throws VggError `VGG_IMAGE` when the address does not answer with an image of at most `MAX_IMAGE_BYTES`.
 */
export async function fetchImage(address: string): Promise<Buffer> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await fetch(address, { signal: abort.signal, headers: { accept: 'image/*' } });
    if (!response.ok)
      throw new VggError('image', `${address}: the server answers ${response.status} ${response.statusText}`);
    const type = response.headers.get('content-type') ?? '';
    if (/^text\/html/i.test(type)) {
      throw new VggError('image', `${address}: a web page, not an image: use the address of the image itself`);
    }
    if (Number(response.headers.get('content-length') ?? 0) > MAX_IMAGE_BYTES) throw tooLarge(address);
    if (response.body === null) return Buffer.alloc(0);
    return await joined(address, Readable.fromWeb(response.body as ReadableStream), () => timer.refresh());
  } catch (error) {
    if (isVggError(error)) throw error;
    const reason = reasonOf(error, abort.signal.aborted);
    throw new VggError('image', `${address}: cannot be fetched: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** Reads the image on standard input. @throws VggError `VGG_IMAGE` when there is none, or it is too large. */
export async function readStandardInput(stream: NodeJS.ReadStream = process.stdin): Promise<Buffer> {
  if (stream.isTTY)
    throw new VggError('image', 'standard input: expected an image from a pipe, as in: cat photo.jpg | ... -');
  const bytes = await joined('standard input', stream);
  if (bytes.length === 0) throw new VggError('image', 'standard input: expected an image, got nothing');
  return bytes;
}
