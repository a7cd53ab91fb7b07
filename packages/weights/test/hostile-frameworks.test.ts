/** Damaged and hostile files of Keras, Caffe and TF.js: each is refused with one line that names the file. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { WireType } from '@bufbuild/protobuf/wire';
import { isVggError } from '@vgg/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeInput, readInput } from '../../../tools/fuzz/case.mjs';
import * as weights from '../src/index';
import { bytesOf, type FileSet, openWeights } from '../src/index';
import { bytes, integer, message, type Part, text } from './protobuf';

const FIXTURES = new URL('./fixtures/frameworks/', import.meta.url);

function fixture(name: string): Uint8Array {
  const content = readFileSync(new URL(name, FIXTURES));
  return new Uint8Array(name.endsWith('.gz') ? gunzipSync(content) : content);
}

/** Opens a file and reads all its tensors. */
async function readAll(content: Uint8Array, siblings?: FileSet): Promise<void> {
  const source = await openWeights(bytesOf(content, 'net.file', siblings));
  try {
    for (const name of source.tensors.keys()) await source.read(name);
  } finally {
    await source.close();
  }
}

/** Returns the error of reading a file, after checking that it is one line. */
async function failure(content: Uint8Array, siblings?: FileSet): Promise<string> {
  const error = await readAll(content, siblings).then(
    () => new Error('it was read'),
    (reason: unknown) => reason,
  );
  expect(isVggError(error), String(error)).toBe(true);
  const { message } = error as Error;
  expect(message).toContain('net.file');
  expect(message).not.toMatch(/\n/);
  return message;
}

describe('a caffemodel', () => {
  const { LengthDelimited, Bit32 } = WireType;
  const numbers = bytes(5, new Uint8Array(8));
  const shape = (...sides: (number | bigint)[]) => bytes(7, message(...sides.map((side) => integer(1, side))));
  /** Returns a net of one layer with one blob. */
  const net = (...blob: Part[]) =>
    message(bytes(100, message(text(1, 'conv1_1'), text(2, 'Convolution'), bytes(7, message(...blob)))));

  it('without errors is read', async () => {
    await readAll(net(numbers, shape(2, 1)));
  });

  it('is refused wherever it is cut short, except after a layer', async () => {
    const whole = fixture('caffe.caffemodel');
    let read = 0;
    for (let length = 0; length < whole.length; length += 37) {
      await readAll(whole.subarray(0, length)).then(
        () => {
          read += 1;
        },
        (error: unknown) => expect(isVggError(error), String(error)).toBe(true),
      );
    }
    expect(read).toBeLessThan(20);
  });

  it.each([
    ['a blob whose shape claims more', net(numbers, shape(3)), /shape \[3\] needs 12 bytes, got 8/],
    ['a side of 2^62', net(numbers, shape(2n ** 62n)), /the integer at byte \d+ is too large/],
    ['a shape of 2^80', net(numbers, shape(2n ** 40n, 2n ** 40n)), /needs \d[\de+.]* bytes, got 8/],
    ['a negative side', net(numbers, shape(-2n)), /the integer at byte \d+ is too large/],
    ['packed sides cut short', net(numbers, bytes(7, message(bytes(1, Uint8Array.of(2, 0x80))))), /are cut short/],
    ['a shape that is an integer', net(numbers, integer(7, 2)), /expected a message/],
    ['33 axes', net(numbers, shape(2, ...Array<number>(32).fill(1))), /more than 32 axes/],
    ['numbers twice', net(numbers, numbers, shape(2)), /its numbers twice/],
    ['numbers that are not packed', net((w) => w.tag(5, Bit32).float(1), shape(1)), /are not packed/],
    ['a length beyond the file', message((w) => w.tag(100, LengthDelimited).uint32(2 ** 31)), /cut short\?/],
    ['a group', Uint8Array.of(0x0a, 0, 0x0b), /field 1 is a group/],
    ['field 0', Uint8Array.of(0x0a, 0, 0x02, 0), /no field at byte 2/],
    [
      'an integer that does not end',
      new Uint8Array(40).fill(0xff).fill(0x0a, 0, 1).fill(0, 1, 2),
      /no field at byte 2/,
    ],
    ['a layer that is an integer', message(text(1, 'x'), integer(100, 3)), /expected a message/],
    ['a name that is an integer', message(bytes(100, message(integer(1, 3)))), /expected a name/],
    ['a name of 2000 letters', message(bytes(100, message(text(1, 'x'.repeat(2000))))), /expected a name/],
    ['no layers', message(text(1, 'net')), /no layer with blobs/],
    ['one layer twice', message((w) => w.raw(net(numbers, shape(2))).raw(net(numbers, shape(2)))), /twice/],
  ])('with %s is refused', async (_what, content, line) => {
    expect(await failure(content)).toMatch(line);
  });

  it('is refused with a million fields', async () => {
    const many = new Uint8Array(3_000_000);
    for (let i = 0; i < many.length; i += 2) many.set([0x0a, 0], i);
    expect(await failure(many)).toMatch(/more than 1000000 fields/);
  });
});

describe('a TF.js model', () => {
  const shard = new Uint8Array(8);
  const model = (weights: unknown, paths: unknown = ['a.bin']) =>
    new TextEncoder().encode(JSON.stringify({ weightsManifest: [{ paths, weights }] }));
  const weight = (more: object) => ({ name: 'w', shape: [2], dtype: 'float32', ...more });
  const siblings = new Map([['a.bin', shard]]);

  it('without errors is read', async () => {
    await readAll(model([weight({})]), siblings);
  });

  it.each([
    [
      'a number instead of a list of groups',
      new TextEncoder().encode('{"weightsManifest": 3}'),
      /weightsManifest is not a list/,
    ],
    ['a number instead of a group', new TextEncoder().encode('{"weightsManifest": [3]}'), /a group without paths/],
    ['a path outside the folder', model([weight({})], ['../../etc/passwd']), /expected a plain file name/],
    ['a path that is not text', model([weight({})], [3]), /a path that is not text/],
    ['a missing shard', model([weight({})], ['b.bin']), /needs b\.bin/],
    ['a negative side', model([weight({ shape: [-2] })]), /no shape of non-negative integers/],
    [
      'a shape of 2^53',
      model([weight({ shape: [2 ** 52, 2] })]),
      /its weights need \d[\de+.]* bytes, its shards have 8/,
    ],
    ['a longer shape', model([weight({ shape: [3] })]), /need 12 bytes, its shards have 8/],
    ['a shorter shape', model([weight({ shape: [1] })]), /need 4 bytes, its shards have 8/],
    ['text for numbers', model([weight({ dtype: 'string' })]), /is of type string, expected float32/],
    ['an unknown type of a built-in name', model([weight({ dtype: 'constructor' })]), /is of type constructor/],
    ['one weight twice', model([weight({ shape: [1] }), weight({ shape: [1] })]), /"w" twice/],
    ['an unknown quantisation', model([weight({ quantization: { dtype: 'int4' } })]), /quantised in an unknown way/],
    ['no scale', model([weight({ shape: [8], quantization: { dtype: 'uint8' } })]), /no scale and min/],
    ['a weight without a name', model([{ shape: [2], dtype: 'float32' }]), /a weight without a name/],
  ])('with %s is refused', async (_what, content, line) => {
    expect(await failure(content, siblings)).toMatch(line);
  });

  it('is refused if a shard is cut short', async () => {
    expect(await failure(model([weight({})]), new Map([['a.bin', shard.subarray(1)]]))).toMatch(/cut short\?/);
  });
});

describe('an HDF5 file', () => {
  afterEach(() => vi.doUnmock('h5wasm'));

  it('is refused or read in part wherever it is cut short, and nothing is written to the terminal', async () => {
    const written = vi.spyOn(process.stderr, 'write');
    const logged = [vi.spyOn(console, 'error'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'log')];
    const whole = fixture('keras-bn.weights.h5.gz');
    for (let length = 0; length < whole.length; length += 1009) {
      await readAll(whole.slice(0, length)).catch((error: unknown) =>
        expect(isVggError(error), String(error)).toBe(true),
      );
    }
    for (const spy of [written, ...logged]) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('is refused if it is only a signature', async () => {
    const signature = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);
    expect(await failure(signature)).toMatch(/is not a valid HDF5 file: /);
  });

  it('with circular groups, links and unusual arrays is read as far as possible', async () => {
    const source = await openWeights(bytesOf(fixture('odd.h5.gz'), 'odd.h5'));
    expect([...source.tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape}]`)).toEqual([
      'doubles F64 [4]',
      'empty F32 [0,3]',
      'halves F16 [2,3]',
      'integers I32 [3]',
      'scalar F32 []',
    ]);
    const halves = await source.read('halves', { begin: 1, end: 2 });
    expect([...new Uint16Array(halves.bytes.slice().buffer)]).toEqual([0x4200, 0x4400, 0x4500]);
    expect([...(await source.read('doubles')).bytes.slice(8, 16)]).toEqual([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    expect((await source.read('empty')).bytes).toHaveLength(0);
    expect((await source.read('scalar')).bytes).toHaveLength(4);
    await source.close();
  });

  it.each([
    ['circular groups', 'ring.h5.gz', /nest deeper than 12/],
    ['big-endian numbers', 'big-endian.h5.gz', /"weights" has big-endian numbers/],
    ['an array that claims far more than the file', 'claims.h5.gz', /"weights" of shape \[\d+\] claims \d+ bytes/],
  ])('with %s is refused', async (_what, file, line) => {
    expect(await failure(fixture(file))).toMatch(line);
  });

  it('that is damaged leaves nothing on the stack of the library', async () => {
    const { ready } = await import('h5wasm');
    const { ccall, get_names } = (await ready) as unknown as {
      ccall(name: string, result: string, kinds: string[], values: number[][]): number;
      get_names(id: bigint, path: string, recursive: boolean): string[];
    };
    const pointer = () => ccall('htonl', 'number', ['array'], [[]]);
    const before = pointer();
    for (let number = 0; number < 20; number++) await readInput(weights, makeInput('hdf5', 2014, number));
    expect(pointer()).toBe(before);
    expect(() => get_names(-1n, '/', false)).toThrow();
    expect(pointer(), 'the library itself leaves something there: is it still so?').not.toBe(before);
  });

  it('is refused without h5wasm, with the command that installs it', async () => {
    vi.resetModules();
    vi.doMock('h5wasm', () => {
      throw new Error('Cannot find package');
    });
    const { readHdf5 } = await import('../src/keras/hdf5');
    const file = { name: 'net.h5', content: new Uint8Array(8), format: 'hdf5', close: async () => {} };
    await expect(readHdf5(file)).rejects.toThrow(
      'reading net.h5, an HDF5 file, needs the package h5wasm: npm i h5wasm',
    );
  });
});
