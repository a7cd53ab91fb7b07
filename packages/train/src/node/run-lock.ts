/** Lock of a run folder: one process at a time trains in it. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import { FileLock, fileError, type LockHolder } from '@vgg/core/node';

const NAME = 'lock.json';

export class RunLock {
  readonly #lock: FileLock;
  readonly #onExit = () => this.#lock.release();

  private constructor(lock: FileLock) {
    this.#lock = lock;
    process.once('exit', this.#onExit);
  }

  /**
   * Takes the lock of an existing folder. `release` and the end of the process release it.
   *
   * @throws VggError `VGG_RUN` naming the process that holds it, `VGG_IO` when the system refuses.
   */
  static take(folder: string): RunLock {
    const path = join(folder, NAME);
    const lock = takeFileLock(path);
    if (lock instanceof FileLock) return new RunLock(lock);
    throw inUse(folder, path, lock);
  }

  /** Releases the lock. A second call does nothing. */
  release(): void {
    process.off('exit', this.#onExit);
    this.#lock.release();
  }
}

function takeFileLock(path: string): FileLock | LockHolder {
  try {
    return FileLock.take(path);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

function inUse(folder: string, path: string, { pid, host, since }: LockHolder): VggError {
  const here = host === hostname();
  return new VggError(
    'run',
    `${folder} is in use: process ${pid}${here ? '' : ` on ${host}`} trains in it since ${since}; wait for it or stop it` +
      `${here ? '' : `, and if it is gone remove ${path}`}`,
    { details: { path, pid, host } },
  );
}
