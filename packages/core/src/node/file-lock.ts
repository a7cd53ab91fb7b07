/**
 * Lock files: at most one process holds the lock at a path. The file names its process, so the lock of a process that
 * was killed can be recognised and replaced.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isProcessAlive, processStart } from './process';
import { systemCode } from './system';

/** The process that holds a lock, as the lock file describes it. */
export interface LockHolder {
  pid: number;
  host: string;
  /**
   * Start of the process, to distinguish it from a later one with the same id. `null` where the system does not say.
   */
  began: string | null;
  /** Time at which it took the lock, ISO 8601. */
  since: string;
}

/** Content of a lock file. No holder: the file is damaged. */
interface Found {
  text: string;
  holder: LockHolder | undefined;
}

function parse(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as LockHolder;
    return Number.isSafeInteger(holder.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

function read(path: string): Found | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return { text, holder: parse(text) };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** True if the holder may still be running. A holder on another machine always may. */
function mayBeAlive({ pid, host, began }: LockHolder): boolean {
  if (host !== hostname()) return true;
  if (!isProcessAlive(pid)) return false;
  return began === null || processStart(pid) === began;
}

function isOlderThan(path: string, milliseconds: number): boolean {
  if (milliseconds === Number.POSITIVE_INFINITY) return false;
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  return age > milliseconds;
}

/** Codes of file systems without hard links. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/** Creates the lock file with its whole content. Returns false if there is one. */
function create(path: string, text: string): boolean {
  const complete = `${path}.${randomUUID()}`;
  try {
    writeFileSync(complete, text, { flag: 'wx' });
    try {
      // The link appears with its whole content, so no process can read half a lock.
      linkSync(complete, path);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error))) throw error;
      writeFileSync(path, text, { flag: 'wx' });
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(complete, { force: true });
  }
}

/**
 * Removes a stale lock with this content, and puts back a newer one that another process may have created meanwhile.
 */
function removeStale(path: string, text: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') !== text) {
    try {
      linkSync(aside, path);
    } catch {}
  }
  rmSync(aside, { force: true });
}

/** A lock that this process holds. */
export class FileLock {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /**
   * Takes the lock at `path` and returns it, or returns the process that holds it. Does not wait. Replaces the lock of
   * a process of this machine that has ended, and a damaged one.
   *
   * @param staleAfter milliseconds after which a lock that was not refreshed is replaced. Default never.
   * @throws the system's error when the file cannot be read or written.
   */
  static take(path: string, staleAfter: number = Number.POSITIVE_INFINITY): FileLock | LockHolder {
    const holder: LockHolder = {
      pid: process.pid,
      host: hostname(),
      began: processStart(process.pid),
      since: new Date().toISOString(),
    };
    const text = `${JSON.stringify(holder)}\n`;
    while (!create(path, text)) {
      const found = read(path);
      if (found === undefined) continue;
      if (found.holder !== undefined && mayBeAlive(found.holder) && !isOlderThan(path, staleAfter)) return found.holder;
      removeStale(path, found.text);
    }
    return new FileLock(path, text);
  }

  /** Shows to other processes that this one is alive. */
  refresh(): void {
    const now = new Date();
    try {
      utimesSync(this.#path, now, now);
    } catch {}
  }

  /** Releases the lock. A second call does nothing. */
  release(): void {
    try {
      if (read(this.#path)?.text === this.#text) rmSync(this.#path, { force: true });
    } catch {}
  }
}
