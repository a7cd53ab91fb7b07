/** The bytes behind an {@link ImageLocation}. Synchronous: it runs in workers, and on files that are near. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { VggError } from '@vgg/core';
import type { RawImage } from '../image';
import type { ImageLocation } from '../source';

/** Shards stay open while they are read from; the least recently used is closed beyond this many. */
const OPEN_FILES = 32;
const open = new Map<string, number>();

function descriptor(path: string): number {
  let fd = open.get(path);
  if (fd === undefined) {
    fd = openSync(path, 'r');
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

function readRange(path: string, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const got = readSync(descriptor(path), bytes, 0, length, offset);
  if (got < length) {
    throw new VggError('image', `${path} ends ${length - got} bytes too early: is the file complete?`);
  }
  return bytes;
}

/** An encoded image's bytes. */
export function readEncoded(location: Extract<ImageLocation, { kind: 'file' | 'range' }>): Buffer {
  return location.kind === 'file'
    ? readFileSync(location.path)
    : readRange(location.path, location.offset, location.length);
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
