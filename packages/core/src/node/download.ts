/** Files of the network, whole or not at all: resumed where they stopped, checked, and put in their place by a rename. */
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
  /** Bytes of the file that are on the disk, those of earlier attempts included. */
  readonly received: number;
  /** Bytes of the whole file, when known. */
  readonly total: number | undefined;
}

export interface DownloadOptions {
  /** Path of the file: its folder is made when missing; `cacheFolder('weights', name)` for what can be fetched again. */
  readonly to: string;
  /** Exact size in bytes. */
  readonly size?: number;
  /** `sha256:`, `sha384:` or `md5:` and at least the first 8 hexadecimal digits, lower case. */
  readonly hash?: ExpectedHash;
  /** Stops the download; what was received is kept for the next attempt. */
  readonly signal?: AbortSignal;
  /** Called for every piece that arrives, about 64 KB each. */
  readonly onProgress?: (progress: DownloadProgress) => void;
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

/** Makes the partial file whole, trying again after what may pass. Returns how many bytes it kept of earlier requests. */
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
        const why = `${reason}, ${ATTEMPTS} attempts; try again later, it goes on where it stopped`;
        throw downloadError(url, path, why, error);
      }
      const asked = error instanceof Transient ? error.wait * 1000 : 0;
      await sleep(Math.max(asked, FIRST_WAIT_MS * 2 ** (attempt - 1)), undefined, signal && { signal });
    }
  }
}

async function fetchInto(transfer: Transfer, options: DownloadOptions): Promise<void> {
  const { url, path, part, signal } = transfer;
  const kept = await transferAll(transfer);
  let wrong = await difference(part, options, signal);
  if (wrong !== undefined && kept > 0) {
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
 * Brings a file from the network, unless it is there: a file at `to` with the expected size and hash is left as it is
 * (with neither expected, any file), and needs no network.
 *
 * What was received before a failure, a kill or an abort is kept beside it (`.part`) and completed by a `Range` request,
 * if the server still has that version (`If-Range`). The file appears at `to` only whole and checked. Of several
 * processes that want the same file one brings it, the others wait.
 *
 * @returns the path, `to`.
 * @throws VggError `VGG_ARGUMENT` for an address, size or hash that cannot be; `VGG_IO`, one line: no connection, refused,
 *   no such file, wrong size or hash, disk full; connections that break and servers that are overloaded, after six
 *   attempts. The signal's reason when aborted.
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
