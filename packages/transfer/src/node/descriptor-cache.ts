/**
 * Descriptors on disk: one file for each net and rule, to which records are appended, so that an interrupted run continues. Several
 * processes can use a file at once: only the one that holds its lock appends.
 *
 * The file starts with 16 bytes: `VGGDESC2`, the numbers of a descriptor (uint32) and the CRC-32 of these 12 bytes (uint32). A record
 * is the SHA-256 of the image's content (32 bytes), the CRC-32 of hash and numbers (uint32), and the numbers (float32), all
 * little-endian.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { VggError } from '@vgg/core';
import { FileLock, fileError } from '@vgg/core/node';
import type { ImageTransform } from '@vgg/data';
import type { DescriptorCache } from '../describe';
import type { DescriptorRule } from '../rule';

const MAGIC = 'VGGDESC2';
const HEADER = 16;
const HASH = 32;
const CHECKSUM = 4;
/** A lock this old belongs to a dead process, perhaps on another machine. */
const STALE_MS = 20_000;
const POLL_MS = 5;

/** Everything but the image on which a descriptor depends. */
export interface CacheKey {
  /** Hash of the net, as `netHash` returns it. */
  readonly net: string;
  readonly transform: ImageTransform;
  readonly rule: DescriptorRule & { readonly scales: readonly number[] };
  /** Precision of the computation, such as `float32`. */
  readonly precision: string;
}

/** Open cache. The caller closes it. */
export interface OpenDescriptorCache extends DescriptorCache {
  readonly path: string;
  /** Number of descriptors in the file. */
  readonly size: number;
  close(): void;
}

/** Returns the name of the file for a key. The scale and the crop of the transform have no effect on a descriptor. */
function fileName({ net, transform, rule, precision }: CacheKey): string {
  const { interpolation, channels, range, mean, std } = transform;
  const { scales, tap = null, flip = true, combination = 'average' } = rule;
  const text = JSON.stringify([
    2,
    net,
    interpolation,
    channels,
    range,
    mean,
    std,
    scales,
    tap,
    flip,
    combination,
    precision,
  ]);
  return `${createHash('sha256').update(text).digest('hex').slice(0, 32)}.descriptors`;
}

function damaged(path: string, what: string): VggError {
  return new VggError('dataset', `the descriptor cache ${path} is damaged (${what}): delete it, it is computed again`);
}

/** Runs work while no other process writes to the file at `path`. An append takes milliseconds: a wait blocks the thread. */
function whileLocked(path: string, work: () => void): void {
  const lockPath = `${path}.lock`;
  let lock = FileLock.take(lockPath, STALE_MS);
  while (!(lock instanceof FileLock)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    lock = FileLock.take(lockPath, STALE_MS);
  }
  try {
    work();
  } finally {
    lock.release();
  }
}

/** Returns the checksum of a record without its checksum. */
function checksumOf(record: Buffer): number {
  return crc32(record.subarray(HASH + CHECKSUM), crc32(record.subarray(0, HASH)));
}

function headerOf(width: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(width, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

function recordOf(hash: string, row: Float32Array): Buffer {
  const record = Buffer.alloc(HASH + CHECKSUM + 4 * row.length);
  record.write(hash, 'hex');
  for (const [i, value] of row.entries()) record.writeFloatLE(value, HASH + CHECKSUM + 4 * i);
  record.writeUInt32LE(checksumOf(record), HASH);
  return record;
}

class FileCache implements OpenDescriptorCache {
  readonly path: string;
  readonly #file: number;
  /** Numbers of a descriptor; 0 as long as the file has no header. */
  #width = 0;
  /** Place of each record, by the hash. */
  readonly #places = new Map<string, number>();
  /** End of the last whole record that was read or written. */
  #end = 0;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT);
    try {
      this.#readNew();
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  get size(): number {
    return this.#places.size;
  }

  get #record(): number {
    return HASH + CHECKSUM + 4 * this.#width;
  }

  /** Reads the header, and the hashes of the records since the last call. Ignores a part of a record at the end. */
  #readNew(): void {
    const { size } = fstatSync(this.#file);
    if (this.#width === 0) {
      if (size < HEADER) return;
      const header = this.#read(0, HEADER);
      const width = header.readUInt32LE(8);
      if (width === 0 || !header.equals(headerOf(width))) throw damaged(this.path, 'its header');
      this.#width = width;
      this.#end = HEADER;
    }
    for (; this.#end + this.#record <= size; this.#end += this.#record) {
      this.#places.set(this.#read(this.#end, HASH).toString('hex'), this.#end);
    }
  }

  /** Returns bytes of the file; fewer at its end. */
  #read(place: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(this.#file, bytes, 0, length, place));
  }

  get(hash: string): Float32Array | undefined {
    const place = this.#places.get(hash);
    if (place === undefined) return undefined;
    const record = this.#read(place, this.#record);
    const isWhole = record.length === this.#record && record.readUInt32LE(HASH) === checksumOf(record);
    if (!isWhole || record.toString('hex', 0, HASH) !== hash) {
      throw damaged(this.path, `record ${(place - HEADER) / this.#record}`);
    }
    return Float32Array.from({ length: this.#width }, (_, i) => record.readFloatLE(HASH + CHECKSUM + 4 * i));
  }

  add(entries: readonly (readonly [hash: string, row: Float32Array])[]): void {
    if (entries.length === 0) return;
    try {
      whileLocked(this.path, () => this.#append(entries));
    } catch (cause) {
      throw cause instanceof VggError ? cause : fileError('write', this.path, cause);
    }
  }

  /** Appends records after those that other processes have appended, over the part of a record that a kill may have left. */
  #append(entries: readonly (readonly [hash: string, row: Float32Array])[]): void {
    this.#readNew();
    const width = this.#width || entries[0]![1].length;
    const records = new Map<string, Buffer>();
    for (const [hash, row] of entries) {
      if (!/^[0-9a-f]{64}$/.test(hash)) {
        throw new VggError('argument', `expected the SHA-256 of an image in hexadecimal, got ${JSON.stringify(hash)}`);
      }
      if (row.length !== width || width === 0) {
        throw new VggError(
          'shape',
          `the descriptor cache ${this.path} has descriptors of ${width} numbers, got one of ${row.length}`,
        );
      }
      if (!this.#places.has(hash)) records.set(hash, recordOf(hash, row));
    }
    const parts = [...records.values()];
    this.#write(this.#end, Buffer.concat(this.#width === 0 ? [headerOf(width), ...parts] : parts));
    this.#readNew();
  }

  #write(place: number, bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#file, bytes, done, bytes.length - done, place + done);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * Opens the cache of a net and a rule in a folder, which is created.
 * @throws VggError `VGG_DATASET` for a damaged file, also by `get`; `VGG_IO` when the system refuses.
 */
export function openDescriptorCache(folder: string, key: CacheKey): OpenDescriptorCache {
  const path = join(folder, fileName(key));
  try {
    mkdirSync(folder, { recursive: true });
    return new FileCache(path);
  } catch (cause) {
    throw cause instanceof VggError ? cause : fileError('open', path, cause);
  }
}
