/** One process at a time: a lock file that its holder keeps fresh, so that the lock of a killed process does not last. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const FRESHEN_MS = 2_000;
/** A lock that nobody freshened for so long is a dead process's. */
const STALE_MS = 20_000;
const POLL_MS = 200;

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Whether the lock's holder is gone: a dead process of this machine, or one that stopped freshening. */
async function isStale(path: string): Promise<boolean> {
  try {
    const [host, pid] = (await readFile(path, 'utf8')).split('\n');
    if (Date.now() - (await stat(path)).mtimeMs > STALE_MS) return true;
    return host === hostname() && Number(pid) > 0 && !isAlive(Number(pid));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Runs `work` while holding the lock file at `path`; others wait for their turn. Should two ever hold it (a process that
 * was suspended for longer than 20 s), `work` must stay correct, only wasteful.
 * @throws what the system says when the lock file cannot be written; the signal's reason when aborted while waiting.
 */
export async function withLock<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const token = `${hostname()}\n${process.pid}\n${randomUUID()}`;
  for (;;) {
    try {
      await writeFile(path, token, { flag: 'wx' });
      break;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    if (await isStale(path)) {
      const aside = `${path}.${randomUUID()}`;
      await rename(path, aside).catch(() => {});
      await rm(aside, { force: true });
    } else {
      await sleep(POLL_MS, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
    }
  }
  const freshen = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, FRESHEN_MS);
  try {
    return await work();
  } finally {
    clearInterval(freshen);
    if ((await readFile(path, 'utf8').catch(() => '')) === token) await rm(path, { force: true });
  }
}
