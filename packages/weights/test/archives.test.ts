/** Zip archives, NumPy archives and sharded files: read in parts, and refused with one line if they are not valid. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Member, unzip, zip } from '../../../tools/fuzz/zip.mjs';
import { asFloat32, type ByteSource, bytesOf, fromFloat32, openWeights, serialiseSafetensors } from '../src/index';
import { openBytes } from '../src/node';

const SEEDS = new URL('../../../tools/fuzz/seeds/', import.meta.url);
const seed = (name: string) => new Uint8Array(readFileSync(new URL(name, SEEDS)));
const utf8 = (text: string) => new TextEncoder().encode(text);

async function refused(file: Uint8Array, message: RegExp, siblings?: Map<string, Uint8Array>): Promise<void> {
  await expect(openWeights(bytesOf(file, 'file', siblings))).rejects.toMatchObject({
    code: expect.stringMatching(/^VGG_(WEIGHTS|IO)$/),
    message: expect.stringMatching(message),
  });
}

/** Returns a `.npy` file with a header. */
function npy(header: string, data = new Uint8Array(0), version = 1): Uint8Array {
  const text = utf8(header);
  return Uint8Array.from([0x93, ...utf8('NUMPY'), version, 0, text.length & 255, text.length >> 8, ...text, ...data]);
}

const HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
const VALID: Member = { name: 'a.npy', bytes: npy(HEADER, new Uint8Array(8)) };

describe('NumPy archives', () => {
  it.each(['stored.npz', 'deflated.npz'])('%s has the saved arrays', async (name) => {
    const source = await openWeights(bytesOf(seed(name)));
    expect(source.format).toBe('npz');
    expect([...source.tensors].map(([key, { dtype, shape }]) => [key, dtype, ...shape])).toEqual([
      ['conv1_1.weight', 'F32', 3, 3, 3, 2],
      ['conv1_1.bias', 'F16', 2],
      ['columns', 'F64', 2, 3],
      ['scalar', 'I64'],
      ['empty', 'F32', 0, 4],
    ]);
    const counted = Array.from({ length: 54 }, (_, i) => i);
    expect([...asFloat32(await source.read('conv1_1.weight'))]).toEqual(counted);
    expect([...asFloat32(await source.read('conv1_1.weight', { begin: 1, end: 2 }))]).toEqual(counted.slice(18, 36));
    expect([...asFloat32(await source.read('conv1_1.weight', { begin: 0, end: 1 }))]).toEqual(counted.slice(0, 18));
    expect([...asFloat32(await source.read('columns'))]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...asFloat32(await source.read('columns', { begin: 1, end: 2 }))]).toEqual([3, 4, 5]);
    expect((await source.read('scalar')).bytes[0]).toBe(3);
    expect((await source.read('empty')).bytes.length).toBe(0);
  });

  it.each([
    ['of objects', HEADER.replace('<f4', '|O'), /numbers of type "\|O", expected one of/],
    ['of big-endian numbers', HEADER.replace('<f4', '>f4'), /numbers of type ">f4"/],
    ['whose type is a structure', HEADER.replace("'<f4'", "[('a', '<f4')]"), /its header reads/],
    ['whose header calls a function', HEADER.replace("'<f4'", "__import__('os')"), /its header reads/],
    ['with fewer elements than its shape', HEADER.replace('2', '3'), /shape \(3\) of <f4 needs 12 bytes, it has 8/],
    ['of 2^60 elements', HEADER.replace('2', String(2 ** 53)), /needs/],
    ['without a header', '', /its header reads/],
  ])('an array %s is refused', (_, header, message) =>
    refused(zip([{ name: 'a.npy', bytes: npy(header, new Uint8Array(8)) }]), message),
  );

  it('an array cut short, of another version or another kind is refused', async () => {
    await refused(zip([{ ...VALID, bytes: VALID.bytes.subarray(0, 9) }]), /does not begin as \.npy does/);
    await refused(zip([{ ...VALID, bytes: VALID.bytes.subarray(0, 30) }]), /its header is cut short/);
    await refused(zip([{ ...VALID, bytes: npy(HEADER, new Uint8Array(8), 9) }]), /version 9, expected 1, 2 or 3/);
    await refused(zip([VALID, { name: 'readme.txt', bytes: utf8('x') }]), /"readme\.txt", which is not a \.npy array/);
  });
});

describe('a zip archive', () => {
  it('is refused wherever it is cut short', async () => {
    const whole = seed('deflated.npz');
    for (let length = 0; length < whole.length; length += 5) {
      await refused(whole.subarray(0, length), /./);
    }
  });

  it.each([
    ['that names a file twice', [VALID, VALID], /"a\.npy" is there twice/],
    ['with a path outside the folder', [{ ...VALID, name: '../a.npy' }], /not a valid zip archive/],
    ['with an absolute path', [{ ...VALID, name: '/a.npy' }], /not a valid zip archive/],
    ['compressed by another method', [{ ...VALID, method: 12 }], /by method 12, expected stored or deflated/],
    ['that claims more bytes than it stores', [{ ...VALID, claim: 2 ** 31 }], /claims 2147483648 bytes in/],
    [
      'that claims more than deflate can make',
      [{ ...VALID, deflate: true, claim: 2 ** 31 }],
      /claims 2147483648 bytes/,
    ],
    ['without files', [], /of no known kind/],
    ['of other files', [{ name: 'a.txt', bytes: utf8('x') }], /of no known kind: expected PyTorch/],
  ])('%s is refused', (_, members, message) => refused(zip(members), message));

  it('is refused if its members overlap', async () => {
    const bytes = zip([VALID, { ...VALID, name: 'b.npy' }]);
    const second = bytes.lastIndexOf(0x4b, bytes.length - 24); // Of the directory's second entry: PK\1\2.
    new DataView(bytes.buffer).setUint32(second - 1 + 42, 0, true);
    await refused(bytes, /overlaps another member/);
  });

  it('is refused if it decompresses to more than it claims, without decompressing everything', async () => {
    const array = npy(HEADER, new Uint8Array(8));
    const bytes = Buffer.concat([array, new Uint8Array(50 * 2 ** 20)]);
    const bomb = zip([{ name: 'a.npy', bytes, deflate: true, claim: array.length }]);
    const before = process.memoryUsage().arrayBuffers;
    await refused(bomb, /Invalid uncompressed size/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 2 ** 20);
  });

  it('is read by these tests as it was written', () => {
    expect(unzip(zip([{ ...VALID, deflate: true }]))).toEqual([{ name: 'a.npy', bytes: VALID.bytes }]);
  });
});

describe('safetensors in shards', () => {
  const shard = (name: string, ...values: number[]) =>
    serialiseSafetensors(new Map([[name, fromFloat32([values.length], Float32Array.from(values))]]));
  const siblings = new Map([
    ['one.safetensors', shard('a', 1, 2)],
    ['two.safetensors', shard('b', 3)],
  ]);
  const index = (map: unknown) => utf8(JSON.stringify({ metadata: { total_size: 12 }, weight_map: map }));
  const VALID_MAP = { a: 'one.safetensors', b: 'two.safetensors' };

  it('are one set of weights, in memory and on disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vgg-shards-'));
    try {
      for (const [name, content] of siblings) await writeFile(join(folder, name), content);
      await writeFile(join(folder, 'index.json'), index(VALID_MAP));
      const sources = [bytesOf(index(VALID_MAP), 'index', siblings), await openBytes(join(folder, 'index.json'))];
      for (const bytes of sources) {
        const source = await openWeights(bytes);
        expect([...source.tensors.keys()]).toEqual(['a', 'b']);
        expect([...asFloat32(await source.read('a'))]).toEqual([1, 2]);
        expect([...asFloat32(await source.read('b'))]).toEqual([3]);
        await source.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [
      'names a path',
      { a: '../one.safetensors' },
      /names the shard "\.\.\/one\.safetensors": expected a plain file name/,
    ],
    ['names an absolute path', { a: '/etc/passwd' }, /expected a plain file name/],
    ['names the parent folder', { a: '..' }, /expected a plain file name/],
    ['names a missing file', { a: 'three.safetensors' }, /needs three\.safetensors, which is missing/],
    ['names a tensor that its file lacks', { ...VALID_MAP, c: 'two.safetensors' }, /two\.safetensors lacks "c"/],
    ['lacks a tensor', { b: 'one.safetensors' }, /one\.safetensors lacks "b"/],
    ['puts a tensor in the wrong file', { a: 'one.safetensors', b: 'one.safetensors' }, /lacks "b"/],
    ['does not list a tensor', {}, /./],
    ['has a number instead of a file', { a: 7 }, /the file of "a" must be a name/],
    ['is a list', ['a'], /its weight_map must be an object/],
  ])('are refused when the index %s', async (_, map, message) => {
    if (JSON.stringify(map) === '{}') return expect([...(await openWeights(bytesOf(index(map)))).tensors]).toEqual([]);
    await refused(index(map), message, siblings);
  });

  it.each([
    ['has a key twice', '{"weight_map": {"a": "x", "a": "y"}}', /it has "a" twice/],
    ['nests deeply', `{"a":${'['.repeat(100)}`, /nests deeper than 64 levels/],
    ['is cut short', '{"weight_map": {', /cannot be parsed: cut short\?/],
    ['is other JSON', '{"a": 1}', /is JSON, but of no known kind/],
  ])('are refused when the JSON %s', (_, text, message) => refused(utf8(text), message));
});

describe('a file of another kind', () => {
  it.each([
    ['nothing', ''],
    ['text', 'hello, world, this is not a file of weights'],
    ['an image', '\x89PNG\r\n\x1a\n0000000000000000'],
  ])('%s is refused with a list of the known formats', (_, text) =>
    refused(utf8(text), /of no known format: expected PyTorch \(\.pth, \.pt\), NumPy/),
  );

  it.each([
    [
      'a pointer of Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0',
      /it is a pointer of Git LFS: .* git lfs pull$/,
    ],
    ['a web page', '<!DOCTYPE html><html>Sign in</html>', /it is a web page \(HTML\): download the file itself$/],
    [
      'the first half of an archive',
      'PK\x03\x04 and the rest is not there',
      /no list of its files at its end: is it complete\?$/,
    ],
    ['an empty file', '', /got an empty file: is it complete\?$/],
  ])('%s is named', (_, text, message) => refused(utf8(text), message));

  it('is closed when it is refused', async () => {
    let closed = 0;
    const bytes: ByteSource = { ...bytesOf(utf8('x')), close: async () => void closed++ };
    await expect(openWeights(bytes)).rejects.toThrow();
    expect(closed).toBe(1);
  });
});
