/**
 * Descriptors on disk: one file for each net and rule, to which records are appended, so that an interrupted run continues.
 *
 * The file starts with 16 bytes: `VGGDESC1`, the numbers of a descriptor (uint32) and 4 zeros. A record is the SHA-256 of the
 * image's content (32 bytes), the CRC-32 of hash and numbers (uint32), and the numbers (float32), all little-endian.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import type { ImageTransform } from '@vgg/data';
import type { DescriptorCache, DescriptorRule } from '../describe';

const MAGIC = 'VGGDESC1';
const HEADER = 16;
const HASH = 32;
const CHECKSUM = 4;

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
    1,
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

class FileCache implements OpenDescriptorCache {
  readonly path: string;
  readonly #file: number;
  /** Numbers of a descriptor; 0 for a new file. */
  #width = 0;
  /** Place of each record, by the hash. */
  readonly #places = new Map<string, number>();
  #end = 0;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, 'a+');
    const { size } = fstatSync(this.#file);
    if (size >= HEADER) this.#readIndex(size);
    else if (size > 0) ftruncateSync(this.#file, 0);
  }

  get size(): number {
    return this.#places.size;
  }

  get #record(): number {
    return HASH + CHECKSUM + 4 * this.#width;
  }

  #readIndex(size: number): void {
    const header = this.#read(0, HEADER);
    this.#width = header.readUInt32LE(8);
    if (header.toString('latin1', 0, 8) !== MAGIC || this.#width === 0) throw damaged(this.path, 'its header');
    // An interruption may have left a part of the last record.
    this.#end = size - ((size - HEADER) % this.#record);
    if (this.#end < size) ftruncateSync(this.#file, this.#end);
    for (let place = HEADER; place < this.#end; place += this.#record) {
      this.#places.set(this.#read(place, HASH).toString('hex'), place);
    }
  }

  #read(place: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.#file, bytes, 0, length, place);
    return bytes;
  }

  get(hash: string): Float32Array | undefined {
    const place = this.#places.get(hash);
    if (place === undefined) return undefined;
    const bytes = this.#read(place, this.#record);
    const numbers = bytes.subarray(HASH + CHECKSUM);
    if (bytes.readUInt32LE(HASH) !== crc32(numbers, crc32(bytes.subarray(0, HASH)))) {
      throw damaged(this.path, `record ${(place - HEADER) / this.#record}`);
    }
    return Float32Array.from({ length: this.#width }, (_, i) => numbers.readFloatLE(4 * i));
  }

  add(entries: readonly (readonly [hash: string, row: Float32Array])[]): void {
    const parts: Buffer[] = [];
    if (this.#width === 0) {
      this.#width = entries[0]![1].length;
      const header = Buffer.alloc(HEADER);
      header.write(MAGIC, 'latin1');
      header.writeUInt32LE(this.#width, 8);
      parts.push(header);
      this.#end = HEADER;
    }
    for (const [hash, row] of entries) {
      const bytes = Buffer.alloc(this.#record);
      bytes.write(hash, 'hex');
      for (const [i, value] of row.entries()) bytes.writeFloatLE(value, HASH + CHECKSUM + 4 * i);
      bytes.writeUInt32LE(crc32(bytes.subarray(HASH + CHECKSUM), crc32(bytes.subarray(0, HASH))), HASH);
      parts.push(bytes);
      this.#places.set(hash, this.#end);
      this.#end += this.#record;
    }
    try {
      writeSync(this.#file, Buffer.concat(parts));
    } catch (cause) {
      throw fileError('write', this.path, cause);
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
