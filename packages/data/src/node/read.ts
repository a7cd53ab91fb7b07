/** Reads the bytes at an {@link ImageLocation}. Synchronous, because it runs in workers and on local files. */
import { closeSync, existsSync, fstatSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError, systemReason } from '@vgg/core/node';
import type { RawImage } from '../image';
import type { ImageLocation } from '../source';
import { fsPath, readableName } from './byte-names';
import { forgetPipe } from './file-stats';

/** Largest number of shards that stay open. The least recently used one is closed first. */
const MAXIMUM_OPEN = 32;
const openShards = new Map<string, number>();

function descriptor(path: string): number {
  let fd = openShards.get(path);
  if (fd === undefined) {
    try {
      fd = openSync(fsPath(path), 'r');
    } catch (error) {
      throw openError(path, error);
    }
    if (openShards.size >= MAXIMUM_OPEN) {
      const [oldest, oldestFd] = openShards.entries().next().value!;
      closeSync(oldestFd);
      openShards.delete(oldest);
    }
  } else {
    openShards.delete(path);
  }
  openShards.set(path, fd);
  return fd;
}

/** Memory for the encoded image that is being read. A larger image gets memory of its own. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);

function readRange(path: string, offset: number, length: number): Buffer {
  const bytes = length <= buffer.length ? buffer.subarray(0, length) : Buffer.allocUnsafe(length);
  const count = readSync(descriptor(path), bytes, 0, length, offset);
  if (count < length) {
    throw new VggError('image', `${readableName(path)} ends ${length - count} bytes too early: is the file complete?`);
  }
  return bytes;
}

/** System error codes of a disk, or a connection to it, that fails. */
const DISK_ERRORS: ReadonlySet<string> = new Set([
  'EIO',
  'ENXIO',
  'ENODEV',
  'ENOTCONN',
  'ESTALE',
  'EHOSTDOWN',
  'EREMOTEIO',
]);

/** True if there is a file or a link at `path`, even a link to nothing. */
function exists(path: string): boolean {
  try {
    lstatSync(fsPath(path));
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns the error to throw for a file that cannot be opened. A file that has disappeared since the source listed it, or a disk
 * that fails, is not the image's fault: it must not be skipped, since that would be training on other data.
 */
function openError(path: string, cause: unknown): unknown {
  const code = String((cause as NodeJS.ErrnoException).code);
  if (DISK_ERRORS.has(code)) return fileError('read', path, cause);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return new Error(systemReason(cause), { cause });
  if (exists(path)) return new Error('this link leads to no file', { cause });
  const folder = dirname(path);
  const missing = existsSync(fsPath(folder)) ? path : folder;
  return new VggError(
    'io',
    `there is no ${missing === path ? 'file' : 'folder'} ${readableName(missing)}: check the path; if the data was moved or its disk removed, bring it back`,
    { cause, details: { path } },
  );
}

function readWhole(path: string): Buffer {
  try {
    const file = openSync(fsPath(path), 'r');
    try {
      const kind = fstatSync(file);
      forgetPipe(kind);
      if (kind.isCharacterDevice() || kind.isBlockDevice()) throw new Error('it is a device, not a file');
      // The bytes of a pipe can be read once only.
      if (!kind.isFile()) return readFileSync(file);
      let length = 0;
      for (let count = -1; count !== 0; length += count) {
        count = readSync(file, buffer, length, buffer.length - length, null);
      }
      return length < buffer.length ? buffer.subarray(0, length) : readFileSync(fsPath(path));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw openError(path, error);
  }
}

/** True if an image is not encoded. */
export function isPixels(location: ImageLocation): location is Extract<ImageLocation, { kind: 'planes' | 'pixels' }> {
  return location.kind === 'planes' || location.kind === 'pixels';
}

/** Reads the bytes of an encoded image. They are valid until the next call. */
export function readEncoded(location: Extract<ImageLocation, { kind: 'file' | 'range' | 'bytes' }>): Buffer {
  switch (location.kind) {
    case 'file':
      return readWhole(location.path);
    case 'range':
      return readRange(location.path, location.offset, location.length);
    case 'bytes': {
      const { buffer: memory, byteOffset, length } = location.data;
      return Buffer.from(memory, byteOffset, length);
    }
  }
}

/** Reads the bytes of an image as they are stored. They are valid until the next call. */
export function readStored(location: ImageLocation): Uint8Array {
  if (location.kind === 'pixels') return location.data;
  if (location.kind !== 'planes') return readEncoded(location);
  return readRange(location.path, location.offset, 3 * location.width * location.height);
}

/** Reads the pixels of an uncompressed image. */
export function readPixels(location: Extract<ImageLocation, { kind: 'planes' | 'pixels' }>): RawImage {
  const { width, height } = location;
  if (location.kind === 'pixels') return { data: location.data, width, height };
  const plane = width * height;
  const planes = readStored(location);
  const data = new Uint8Array(plane * 3);
  for (let i = 0; i < plane; i++) {
    data[i * 3] = planes[i]!;
    data[i * 3 + 1] = planes[plane + i]!;
    data[i * 3 + 2] = planes[2 * plane + i]!;
  }
  return { data, width, height };
}
