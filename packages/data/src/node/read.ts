/** The bytes behind an {@link ImageLocation}. Synchronous: it runs in workers, and on files that are near. */
import { closeSync, existsSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import type { RawImage } from '../image';
import type { ImageLocation } from '../source';

/** Shards stay open while they are read from; the least recently used is closed beyond this many. */
const OPEN_FILES = 32;
const open = new Map<string, number>();

function descriptor(path: string): number {
  let fd = open.get(path);
  if (fd === undefined) {
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      throw lost(path, error);
    }
    if (open.size >= OPEN_FILES) {
      const [oldest, oldestFd] = open.entries().next().value!;
      closeSync(oldestFd);
      open.delete(oldest);
    }
  } else {
    open.delete(path);
  }
  open.set(path, fd);
  return fd;
}

/** Where encoded images are read to, one after another; a larger one gets memory of its own. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

function readRange(path: string, offset: number, length: number): Buffer {
  const bytes = length <= shared.length ? shared.subarray(0, length) : Buffer.allocUnsafe(length);
  const got = readSync(descriptor(path), bytes, 0, length, offset);
  if (got < length) {
    throw new VggError('image', `${path} ends ${length - got} bytes too early: is the file complete?`);
  }
  return bytes;
}

/** Codes by which the system says that the disk itself, or the way to it, fails. */
const DISK: ReadonlySet<string> = new Set(['EIO', 'ENXIO', 'ENODEV', 'ENOTCONN', 'ESTALE', 'EHOSTDOWN', 'EREMOTEIO']);

/** Whether there is a file or link of this name, one that leads nowhere included. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * What a file that cannot be opened means. A source lists files that are there: one that no longer is, or a disk that fails,
 * says nothing of the image, and to go on without it would be to train on other data.
 */
function lost(path: string, cause: unknown): unknown {
  const code = String((cause as NodeJS.ErrnoException).code);
  if (DISK.has(code)) return fileError('read', path, cause);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return cause;
  if (isThere(path)) return cause;
  const folder = dirname(path);
  const what = existsSync(folder) ? path : folder;
  return new VggError(
    'io',
    `${what} was there when the images were listed and is gone: was the data moved, or its disk taken away? bring it back`,
    { cause, details: { path } },
  );
}

function whole(path: string): Buffer {
  try {
    const file = openSync(path, 'r');
    try {
      let length = 0;
      for (let got = -1; got !== 0; length += got) {
        got = readSync(file, shared, length, shared.length - length, null);
      }
      return length < shared.length ? shared.subarray(0, length) : readFileSync(path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw lost(path, error);
  }
}

/** An encoded image's bytes, valid until the next call. */
export function readEncoded(location: Extract<ImageLocation, { kind: 'file' | 'range' }>): Buffer {
  return location.kind === 'file' ? whole(location.path) : readRange(location.path, location.offset, location.length);
}

/** An uncompressed image's pixels. */
export function readPixels(location: Extract<ImageLocation, { kind: 'planes' | 'pixels' }>): RawImage {
  const { width, height } = location;
  if (location.kind === 'pixels') return { data: location.data, width, height };
  const plane = width * height;
  const planes = readRange(location.path, location.offset, plane * 3);
  const data = new Uint8Array(plane * 3);
  for (let i = 0; i < plane; i++) {
    data[i * 3] = planes[i]!;
    data[i * 3 + 1] = planes[plane + i]!;
    data[i * 3 + 2] = planes[2 * plane + i]!;
  }
  return { data, width, height };
}

/** Closes every file that was kept open. */
export function closeFiles(): void {
  for (const fd of open.values()) closeSync(fd);
  open.clear();
}
