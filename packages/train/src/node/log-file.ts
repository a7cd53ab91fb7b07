/** Append-only logs of a run, which a resumed run first cuts back to what its checkpoint knows. */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { fileError } from '@vgg/core/node';

/**
 * Cuts off the end of a log.
 *
 * @param knownLength returns the number of bytes to keep of the content.
 * @throws the system's error, as when there is no such file.
 */
export function cutLog(path: string, knownLength: (content: Buffer) => number): void {
  const content = readFileSync(path);
  const length = knownLength(content);
  if (length < content.length) truncateSync(path, length);
}

/** Open log. Its methods throw VggError `VGG_IO` when the system refuses. */
export class LogFile {
  readonly path: string;
  readonly #file: number;

  /** @param mode `append` to a log, which is created if missing, or `create` a new one. */
  constructor(path: string, mode: 'append' | 'create') {
    this.path = path;
    this.#file = this.#guarded(() => openSync(path, mode === 'append' ? 'a' : 'wx'));
  }

  /** Writes all of `bytes` at the end, or nothing: the part written before a failure is cut off again. */
  append(bytes: Uint8Array): void {
    this.#guarded(() => {
      const { size } = fstatSync(this.#file);
      try {
        let done = 0;
        while (done < bytes.length) done += writeSync(this.#file, bytes, done, bytes.length - done, size + done);
      } catch (error) {
        try {
          ftruncateSync(this.#file, size);
        } catch {}
        throw error;
      }
    });
  }

  /** Waits until everything is on the disk. */
  sync(): void {
    this.#guarded(() => fdatasyncSync(this.#file));
  }

  close(): void {
    closeSync(this.#file);
  }

  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }
}
