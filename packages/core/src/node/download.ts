/** Downloads that resume after a failure, are checked, and appear at their path only when complete. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VggError } from '../errors';
import { downloadError, Transient } from './failure';
import { withLock } from './lock';
import { ATTEMPTS, FIRST_WAIT_MS } from './patience';
import { fileError } from './system';
import { discard, type Transfer, transferOnce } from './transfer';
import { checkExpected, difference, type ExpectedHash } from './verify';

export type { ExpectedHash };

export interface DownloadProgress {
  /** Bytes of the file on the disk, including those of earlier attempts. */
  readonly received: number;
  /** Bytes of the whole file, if known. */
  readonly total: number | undefined;
}

export interface DownloadOptions {
  /**
   * Path of the file. A missing folder is created. `cacheFolder('weights', name)` suits files that can be downloaded
   * again.
   */
  readonly to: string;
  /** Exact size in bytes. */
  readonly size?: number | undefined;
  /** `sha256:`, `sha384:` or `md5:` and at least the first 8 hexadecimal digits, lower case. */
  readonly hash?: ExpectedHash | undefined;
  /** Stops the download. The received part is kept for the next attempt. */
  readonly signal?: AbortSignal | undefined;
  /** Called for every received piece, about 64 KB each. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

function parseUrl(url: string | URL): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new VggError('argument', `expected an address like https://host/file, got ${url}`, { cause });
  }
  if (!/^https?:$/.test(parsed.protocol)) {
    throw new VggError('argument', `expected an address of http or https, got ${parsed.protocol}`);
  }
  return parsed;
}

/**
 * Completes the partial file, with retries after temporary failures. Returns the number of bytes kept of earlier
 * requests.
 */
async function transferAll(transfer: Transfer): Promise<number> {
  const { url, path, signal } = transfer;
  for (let attempt = 1; ; attempt++) {
    try {
      return await transferOnce(transfer);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof VggError) throw error;
      const reason = error instanceof Transient ? error.reason : 'the connection broke';
      if (attempt === ATTEMPTS) {
        const why = `${reason}, ${ATTEMPTS} attempts; try again later, it continues where it stopped`;
        throw downloadError(url, path, why, error);
      }
      const requestedWait = error instanceof Transient ? error.wait * 1000 : 0;
      await sleep(Math.max(requestedWait, FIRST_WAIT_MS * 2 ** (attempt - 1)), undefined, { signal });
    }
  }
}

async function fetchInto(transfer: Transfer, options: DownloadOptions): Promise<void> {
  const { url, path, part, signal } = transfer;
  const keptBytes = await transferAll(transfer);
  let wrong = await difference(part, options, signal);
  if (wrong !== undefined && keptBytes > 0) {
    await discard(part);
    await transferAll(transfer);
    wrong = await difference(part, options, signal);
  }
  if (wrong !== undefined) {
    await discard(part);
    throw downloadError(url, path, `${wrong}: the address holds another file, or it was damaged on the way`);
  }
  await rename(part, path);
  await rm(`${part}.json`, { force: true });
}

/**
 * Downloads a file, unless `to` already is a file of the expected size and hash. If neither is expected, any file will
 * do.
 *
 * The part received before a failure, a kill or an abort is kept next to the file (`.part`) and completed by a `Range`
 * request, if the server still has that version (`If-Range`). The file appears at `to` only complete and checked. If
 * several processes want the same file, one downloads it and the others wait.
 *
 * @returns the path, `to`.
 * @throws VggError `VGG_ARGUMENT` for an invalid address, size or hash; `VGG_IO`, one line: no connection, refused, no
 *   such file, wrong size or hash, disk full; broken connections and overloaded servers, after six attempts. The
 *   signal's reason when aborted.
 */
export async function download(url: string | URL, options: DownloadOptions): Promise<string> {
  const { to, size, signal, onProgress = () => {} } = options;
  const parsed = parseUrl(url);
  checkExpected(options);
  signal?.throwIfAborted();
  if ((await difference(to, options, signal)) === undefined) return to;
  const transfer: Transfer = { url: parsed, path: to, part: `${to}.part`, size, signal, onProgress };
  try {
    await mkdir(dirname(to), { recursive: true });
    await withLock(`${to}.lock`, signal, async () => {
      if ((await difference(to, options, signal)) !== undefined) await fetchInto(transfer, options);
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof VggError ? cause : fileError('write', to, cause);
  }
  return to;
}
