/** One cache file that several processes use, or that was changed from outside. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CacheKey, type OpenDescriptorCache, openDescriptorCache } from '../src/node';
import { transform } from './nets';

const WIDTH = 8;
const RECORD = 32 + 4 + 4 * WIDTH;
const key: CacheKey = { net: 'net', transform, rule: { scales: [32] }, precision: 'float32' };
const hashOf = (i: number) => i.toString(16).padStart(64, '0');
const rowOf = (i: number) => new Float32Array(WIDTH).fill(i);
let folder: string;
let opened: OpenDescriptorCache[];

function open(): OpenDescriptorCache {
  const cache = openDescriptorCache(folder, key);
  opened.push(cache);
  return cache;
}

function add(cache: OpenDescriptorCache, ...images: readonly number[]): void {
  cache.add(images.map((i) => [hashOf(i), rowOf(i)] as const));
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shared-'));
  opened = [];
});
afterEach(() => {
  for (const cache of opened) cache.close();
  rmSync(folder, { recursive: true });
});

describe('two open caches of one file', () => {
  it('add in turns to a new file: each finds its own descriptors, and the next one finds all of them', () => {
    const first = open();
    const second = open();
    add(first, 1, 2);
    add(second, 3);
    add(first, 4);
    add(second, 5, 6);
    for (const [cache, images] of [
      [first, [1, 2, 4]],
      [second, [3, 5, 6]],
      [open(), [1, 2, 3, 4, 5, 6]],
    ] as const) {
      for (const i of images) expect(cache.get(hashOf(i))).toEqual(rowOf(i));
    }
    expect(statSync(first.path).size).toBe(16 + 6 * RECORD);
    expect(existsSync(`${first.path}.lock`)).toBe(false);
  });

  it('add an image once', () => {
    const first = open();
    const second = open();
    add(first, 1);
    add(second, 1, 2);
    expect(second.get(hashOf(1))).toEqual(rowOf(1));
    expect(statSync(first.path).size).toBe(16 + 2 * RECORD);
  });

  it('do not cut off a record that the other one is writing', () => {
    const first = open();
    add(first, 1, 2);
    const whole = readFileSync(first.path);
    writeFileSync(first.path, whole.subarray(0, whole.length - 10));
    open();
    expect(statSync(first.path).size).toBe(whole.length - 10);
    writeFileSync(first.path, whole);
    expect(open().size).toBe(2);
  });
});

describe('a file that was changed', () => {
  it('does not return the descriptor of another image', () => {
    const cache = open();
    add(cache, 1, 2);
    const bytes = readFileSync(cache.path);
    const records = [0, 1].map((i) => bytes.subarray(16 + i * RECORD, 16 + (i + 1) * RECORD));
    writeFileSync(cache.path, Buffer.concat([bytes.subarray(0, 16), records[1]!, records[0]!]));
    expect(() => cache.get(hashOf(1))).toThrow(/descriptor cache .* is damaged \(record 0\): delete it/);
  });

  // Bytes of the name, the width and the checksum.
  it.each([1, 8, 13])('is refused with another byte %i of its header, and stays as it is', (byte) => {
    const cache = open();
    add(cache, 1, 2, 3);
    const { path } = cache;
    const bytes = readFileSync(path);
    bytes[byte]! ^= 2;
    writeFileSync(path, bytes);
    expect(open).toThrow(/is damaged \(its header\): delete it/);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('is refused where it ends too early', () => {
    const cache = open();
    add(cache, 1);
    writeFileSync(cache.path, readFileSync(cache.path).subarray(0, 40));
    expect(() => cache.get(hashOf(1))).toThrow(/is damaged \(record 0\)/);
  });
});

it('refuses a descriptor of another width, and a hash that is not a SHA-256, and adds nothing', () => {
  const cache = open();
  add(cache, 1);
  const refused = (hash: string, width: number) => () =>
    cache.add([
      [hashOf(2), rowOf(2)],
      [hash, new Float32Array(width)],
    ]);
  expect(refused(hashOf(3), 4)).toThrow(/has descriptors of 8 numbers, got one of 4/);
  expect(refused('ab', WIDTH)).toThrow(/expected the SHA-256 of an image in hexadecimal, got "ab"/);
  expect(cache.get(hashOf(2))).toBeUndefined();
  expect(open().size).toBe(1);
});

it('adds nothing for no descriptors', () => {
  const cache = open();
  cache.add([]);
  expect(statSync(cache.path).size).toBe(0);
});
