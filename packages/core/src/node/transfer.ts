/** One request for the missing end of a partial file. */
import { type FileHandle, open, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes } from '../format';
import { downloadError, statusReason, Transient, unreachable } from './failure';
import { STALL_MS } from './patience';
import { fileError, systemCode } from './system';

/** Statuses of temporary failures. */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface Transfer {
  readonly url: URL;
  /** Path of the finished file, for messages. */
  readonly path: string;
  /** Path of the partial file. `<part>.json` next to it records its address and version. */
  readonly part: string;
  /** Bytes of the whole file, if known in advance. */
  readonly size: number | undefined;
  readonly signal: AbortSignal | undefined;
  onProgress(progress: { received: number; total: number | undefined }): void;
}

/** Address and version of a partial file. */
interface Origin {
  readonly url: string;
  /** Value for `If-Range`. */
  readonly validator: string;
}

async function partial({ url, part }: Transfer): Promise<{ length: number; validator: string }> {
  try {
    const origin = JSON.parse(await readFile(`${part}.json`, 'utf8')) as Partial<Origin>;
    if (origin.url === url.href && typeof origin.validator === 'string') {
      return { length: (await stat(part)).size, validator: origin.validator };
    }
  } catch {}
  return { length: 0, validator: '' };
}

/** Removes the partial file. */
export async function discard(part: string): Promise<void> {
  await Promise.all([part, `${part}.json`].map((path) => rm(path, { force: true })));
}

/**
 * Returns the version by which a later request can continue: a strong ETag, else the date of the last change, else ''.
 */
function validatorOf({ headers }: Response): string {
  const tag = headers.get('etag') ?? '';
  return tag.startsWith('"') ? tag : (headers.get('last-modified') ?? '');
}

function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 30) : 0;
}

/**
 * Returns the size of the whole file, if the server says it. The length of a compressed answer is not that of the file.
 */
function totalOf(response: Response, start: number): number | undefined {
  const { headers, status } = response;
  if (status === 206) {
    const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
    return total === undefined ? undefined : Number(total);
  }
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : start + Number(length);
}

async function request(transfer: Transfer, length: number, validator: string, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (length > 0) Object.assign(headers, { range: `bytes=${length}-`, 'if-range': validator });
  try {
    return await fetch(transfer.url, { headers, signal });
  } catch (cause) {
    transfer.signal?.throwIfAborted();
    const why = unreachable(cause);
    if (why === undefined) throw new Transient('the connection failed', 0, { cause });
    throw downloadError(transfer.url, transfer.path, `${why} (the file goes to ${transfer.path})`, cause);
  }
}

/** Returns the position in the file of the first byte of the answer. */
async function startOf(transfer: Transfer, response: Response, length: number): Promise<number> {
  const { status } = response;
  if (status === 200) return 0;
  if (status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${length}-`)) return length;
  await response.body?.cancel();
  if (status === 206 || status === 416) {
    await discard(transfer.part);
    throw new Transient('the server sent another part of the file than requested');
  }
  if (TEMPORARY.has(status)) throw new Transient(`the server answers with status ${status}`, retryAfter(response));
  throw downloadError(transfer.url, transfer.path, `${statusReason(status)}`);
}

async function checkRoom(path: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path)).catch(() => ({ bavail: Number.POSITIVE_INFINITY, bsize: 1 }));
  if (needed <= bavail * bsize) return;
  const why = `the disk is full: ${formatBytes(needed)} more needed, ${formatBytes(bavail * bsize)} free`;
  throw fileError('write', path, new Error(why));
}

/** Awaits a step on the disk. Its failure is final. If the disk is full, the partial file is removed. */
async function onDisk<T>({ path, part }: Transfer, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (cause) {
    if (systemCode(cause) === 'ENOSPC') await discard(part);
    throw fileError('write', path, cause);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function* chunks({ body }: Response): AsyncGenerator<Uint8Array, void> {
  const reader = body?.getReader();
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) yield next.value;
}

async function receive(transfer: Transfer, response: Response, start: number, alive: () => void): Promise<void> {
  const { url, path, part, size } = transfer;
  const total = totalOf(response, start);
  if (size !== undefined && total !== undefined && total !== size) {
    throw downloadError(url, path, `expected ${size} bytes, the server has ${total}`);
  }
  const handle = await onDisk(transfer, open(part, start === 0 ? 'w' : 'r+'));
  let received = start;
  try {
    const origin: Origin = { url: url.href, validator: validatorOf(response) };
    if (start === 0) await onDisk(transfer, writeFile(`${part}.json`, JSON.stringify(origin)));
    if (total !== undefined) await checkRoom(path, total - start);
    transfer.onProgress({ received, total: size ?? total });
    for await (const chunk of chunks(response)) {
      alive();
      if (size !== undefined && received + chunk.length > size) {
        throw downloadError(url, path, `expected ${size} bytes, the server sends more`);
      }
      await onDisk(transfer, writeAll(handle, chunk, received));
      received += chunk.length;
      transfer.onProgress({ received, total: size ?? total });
    }
    await onDisk(transfer, handle.sync());
  } finally {
    await handle.close();
  }
  if (total !== undefined && received < total) throw new Transient(`the connection ended at byte ${received}`);
}

/**
 * Completes the partial file by one request, which starts at its end if the server still has the same version.
 *
 * @returns the number of bytes kept of earlier requests.
 * @throws Transient for a temporary failure, VggError for a final one, the signal's reason when aborted.
 */
export async function transferOnce(transfer: Transfer): Promise<number> {
  const { length, validator } = await partial(transfer);
  const resumable = validator === '' ? 0 : length;
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(), STALL_MS);
  const signal = AbortSignal.any([stall.signal, ...(transfer.signal ? [transfer.signal] : [])]);
  try {
    const response = await request(transfer, resumable, validator, signal);
    if (response.status === 416 && response.headers.get('content-range') === `bytes */${resumable}`) {
      await response.body?.cancel();
      return resumable; // The file was complete; the process was killed before the rename.
    }
    const start = await startOf(transfer, response, resumable);
    await receive(transfer, response, start, () => timer.refresh()).catch(async (cause: unknown) => {
      await response.body?.cancel().catch(() => {});
      throw cause;
    });
    return start;
  } catch (error) {
    if (stall.signal.aborted) throw new Transient(`nothing came for ${STALL_MS / 1000} s`, 0, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
