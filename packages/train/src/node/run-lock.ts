/**
 * One process at a time in a run folder. The lock is a file that names its process, which is dead or alive whatever was
 * done to it: a kill -9 leaves a lock that the next process sees to be nobody's.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError, systemCode } from '@vgg/core/node';

const NAME = 'lock.json';

/** What a lock file says of its process. */
interface Holder {
  pid: number;
  host: string;
  /** When the process began, as its system counts: two processes of one number differ in it. `null` where it does not say. */
  began: string | null;
  since: string;
}

/** Linux's account of when a process began, and in which boot; `null` for none. */
function beginning(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may hold anything; the 22nd field is the 20th after it.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? null : `${boot} ${ticks}`;
  } catch {
    return null;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Whether the process that a lock names may still be there. One of another machine is taken at its word. */
function mayLive({ pid, host, began }: Holder): boolean {
  if (host !== hostname()) return true;
  if (!exists(pid)) return false;
  return began === null || beginning(pid) === began;
}

function read(path: string): { text: string; holder: Holder | undefined } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const holder = JSON.parse(text) as Holder;
    return { text, holder: Number.isSafeInteger(holder.pid) ? holder : undefined };
  } catch {
    return { text, holder: undefined };
  }
}

/** Removes a dead process's lock, and that one only: another process may have put its own in its place meanwhile. */
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

export class RunLock {
  readonly #path: string;
  readonly #text: string;
  readonly #onExit = () => this.release();

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    process.once('exit', this.#onExit);
  }

  /**
   * Takes the lock of a folder that exists. It is given back by `release`, or when the process ends.
   * @throws VggError `VGG_RUN` naming the process that has it, `VGG_IO` when the system refuses.
   */
  static take(folder: string): RunLock {
    const path = join(folder, NAME);
    const mine: Holder = {
      pid: process.pid,
      host: hostname(),
      began: beginning(process.pid),
      since: new Date().toISOString(),
    };
    const text = `${JSON.stringify(mine)}\n`;
    const beside = `${path}.${randomUUID()}`;
    try {
      writeFileSync(beside, text, { flag: 'wx' });
      for (;;) {
        try {
          // A link comes into being whole or not at all: nobody sees half a lock.
          linkSync(beside, path);
          return new RunLock(path, text);
        } catch (error) {
          if (systemCode(error) !== 'EEXIST') throw error;
        }
        const found = read(path);
        if (found === undefined) continue;
        const { holder } = found;
        if (holder !== undefined && mayLive(holder)) throw inUse(folder, path, holder);
        removeStale(path, found.text);
      }
    } catch (cause) {
      throw cause instanceof VggError ? cause : fileError('write', path, cause);
    } finally {
      rmSync(beside, { force: true });
    }
  }

  /** Gives the lock back; a second call does nothing. */
  release(): void {
    process.off('exit', this.#onExit);
    try {
      if (read(this.#path)?.text === this.#text) rmSync(this.#path, { force: true });
    } catch {}
  }
}

function inUse(folder: string, path: string, { pid, host, since }: Holder): VggError {
  const here = host === hostname();
  return new VggError(
    'run',
    `${folder} is in use: process ${pid}${here ? '' : ` on ${host}`} trains in it since ${since}; wait for it or stop it` +
      `${here ? '' : `, and if it is gone remove ${path}`}`,
    { details: { path, pid, host } },
  );
}
