/** Work that one process does at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FileLock } from './file-lock';

const REFRESH_MS = 2_000;
/** A lock not refreshed for this long belongs to a dead process, perhaps on another machine. */
const STALE_MS = 20_000;
const POLL_MS = 200;

/**
 * Runs `work` while holding the lock file at `path`, after waiting until it is free. Two processes can hold it if one
 * was suspended for longer than 20 s; `work` must then still be correct.
 *
 * @throws the system's error when the lock file cannot be written; the signal's reason when aborted while waiting.
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  let lock = FileLock.take(path, STALE_MS);
  while (!(lock instanceof FileLock)) {
    await sleep(POLL_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
    lock = FileLock.take(path, STALE_MS);
  }
  const held = lock;
  const timer = setInterval(() => held.refresh(), REFRESH_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    held.release();
  }
}
