/** Safetensors in memory, compared with files of the reference implementation (fixtures/generate.py). */
import { readFileSync } from 'node:fs';
import { isVggError, randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { asFloat32, type Dtype, fromFloat32, fromInt32, parseSafetensors, serialiseSafetensors } from '../src/index';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
const reference = new Uint8Array(fixture('reference.safetensors'));
const expected = Object.entries(
  JSON.parse(fixture('reference.json').toString()) as Record<string, [Dtype, number[], string]>,
);

/** Returns a file with a header (an object, or text that is used unchanged) and a number of data bytes after it. */
function file(header: unknown, dataBytes = 0, length?: bigint): Uint8Array {
  const json =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('a file of the reference implementation', () => {
  const { tensors, metadata } = parseSafetensors(reference, 'reference');

  it.each(expected)('has %s', (name, [dtype, shape, hex]) => {
    const read = tensors.get(name)!;
    expect(read.dtype).toBe(dtype);
    expect(read.shape).toEqual(shape);
    expect(Buffer.from(read.bytes).toString('hex')).toBe(hex);
  });

  it('has nothing else, and its metadata', () => {
    expect([...tensors.keys()].sort()).toEqual(expected.map(([name]) => name).sort());
    expect(metadata).toEqual({ source: 'safetensors 0.8.0' });
  });

  it('equals the serialised tensors byte for byte', () => {
    expect(Buffer.from(serialiseSafetensors(tensors, metadata)).equals(reference)).toBe(true);
  });

  it('is parsed to views, not copies, also as float32', () => {
    const weight = tensors.get('conv1_1.weight')!;
    expect(weight.bytes.buffer).toBe(reference.buffer);
    expect(asFloat32(weight).buffer).toBe(reference.buffer);
    expect(asFloat32(weight)[1]).toBe(Math.fround(1 / 7 - 3));
  });

  it('is read from a Node Buffer that is not aligned', () => {
    const bytes = Buffer.from([0, 0, 0, 128, 63]).subarray(1); // Whose slice() copies nothing.
    expect([...asFloat32({ dtype: 'F32', shape: [1], bytes })]).toEqual([1]);
  });

  it('is read from other memory that is not aligned', () => {
    const shifted = new Uint8Array(reference.length + 1);
    shifted.set(reference, 1);
    const { tensors: same } = parseSafetensors(shifted.subarray(1));
    expect(asFloat32(same.get('conv1_1.weight')!)).toEqual(asFloat32(tensors.get('conv1_1.weight')!));
    expect(asFloat32(same.get('double')!)).toBeAllclose([Math.PI, 1 / 3], { rtol: 1e-7 });
  });

  it('is read or refused with VGG_WEIGHTS when bytes of the header change', () => {
    const headerBytes = 8 + Number(new DataView(reference.buffer).getBigUint64(0, true));
    const random = randomStream(1, 'fuzz');
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const mutated = reference.slice();
      for (let n = 1 + random.integer(3); n > 0; n--) mutated[random.integer(headerBytes)] = random.integer(256);
      try {
        parseSafetensors(mutated, 'mutated');
      } catch (error) {
        expect(error).toMatchObject({ code: 'VGG_WEIGHTS', message: expect.stringMatching(/^[^\n]*mutated[^\n]*$/) });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it('is refused wherever it is cut short', () => {
    for (let length = 0; length < reference.length; length += 13) {
      expect(() => parseSafetensors(reference.subarray(0, length), 'cut')).toThrow(/^cut is not a valid safetensors/);
    }
  });
});

describe('16-bit floats', () => {
  const { tensors } = parseSafetensors(reference);
  const rounding = asFloat32(tensors.get('rounding')!);

  it.each(['F16', 'BF16'] as const)('%s rounds to nearest, ties to even', (dtype) => {
    const written = fromFloat32([rounding.length], rounding, dtype);
    expect(Buffer.from(written.bytes)).toEqual(Buffer.from(tensors.get(`rounding.${dtype.toLowerCase()}`)!.bytes));
  });

  it('F16 converts all 65536 patterns by the formula of IEEE 754', () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const formula = Float32Array.from(patterns, (half) => {
      const exponent = (half >> 10) & 31;
      const fraction = half & 1023;
      const sign = half >> 15 ? -1 : 1;
      if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
      return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
    });
    const values = asFloat32({ dtype: 'F16', shape: [65536], bytes: new Uint8Array(patterns.buffer) });
    expect(values).toEqual(formula);
  });

  it('keep NaN', () => {
    for (const dtype of ['F16', 'BF16'] as const) {
      const bits = Uint32Array.of(0x7fc00000, 0x7f800001, 0xffffffff);
      const back = asFloat32(fromFloat32([3], new Float32Array(bits.buffer), dtype));
      expect([...back]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    }
  });

  it('are not converted from tensors of integers', () => {
    expect(() => asFloat32(tensors.get('labels')!)).toThrow(
      'expected a tensor of F32, F16, BF16 or F64, got I32 of shape [3]',
    );
  });
});

describe('a hostile file', () => {
  const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /expected at least 8 bytes, got 0/],
    ['shorter than its length field', new Uint8Array(7), /expected at least 8 bytes, got 7/],
    ['header of 2^63 bytes', file({}, 0, 2n ** 63n), /claims 9223372036854775808 bytes where 2 follow/],
    ['header of 2^64 - 1 bytes', file({}, 0, 2n ** 64n - 1n), /claims 18446744073709551615 bytes/],
    ['header past the end', file({}, 0, 3n), /claims 3 bytes where 2 follow/],
    ['header above the limit', file('', 100_000_001, 100_000_001n), /above the limit of 100 MB/],
    ['no header', file('', 4), /must start with \{, got ""/],
    ['not JSON', file('{"a":'), /its header is not JSON$/],
    ['JSON that is not an object', file('[1]'), /must start with \{/],
    ['leading space', file(' {}'), /must start with \{, got " \{\}"/],
    ['not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ['byte order mark', file(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)), /must start with \{/],
    ['deep nesting', file(deep), /nests deeper than 3 levels/],
    [
      'repeated name',
      file(`{"a":${JSON.stringify(tensor(0, 4))},"a":${JSON.stringify(tensor(0, 4))}}`, 4),
      /has "a" twice/,
    ],
    [
      'repeated name, escaped',
      file(`{"a":${JSON.stringify(tensor(0, 4))},"\\u0061":${JSON.stringify(tensor(0, 4))}}`, 4),
      /"a" twice/,
    ],
    [
      'repeated field',
      file('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      /has "dtype" twice/,
    ],
    ['metadata of numbers', file({ __metadata__: { step: 1 } }), /metadata "step" must be a string, got 1/],
    ['metadata that is a list', file({ __metadata__: [] }), /metadata must be an object/],
    ['tensor that is a number', file({ a: 1 }), /tensor "a" must be an object, got 1/],
    ['unknown dtype', file({ a: tensor(0, 4, [1], 'FP32') }, 4), /unknown dtype "FP32" \(did you mean "F32"\?\)/],
    ['inherited dtype', file({ a: tensor(0, 4, [1], 'constructor') }, 4), /unknown dtype "constructor"/],
    ['negative side', file({ a: tensor(0, 4, [-1]) }, 4), /shape of non-negative integers, got \[-1\]/],
    ['fractional side', file({ a: tensor(0, 4, [0.5, 2]) }, 4), /shape of non-negative integers/],
    ['shape that overflows', file({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4), /its offsets hold 4/],
    [
      'shape of 2^64 elements',
      file('{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}}'),
      /non-negative integers/,
    ],
    ['size that differs', file({ a: tensor(0, 8, [1]) }, 8), /needs 4 bytes, its offsets hold 8/],
    ['offsets reversed', file({ a: tensor(4, 0, [1]) }, 4), /needs 4 bytes, its offsets hold -4/],
    ['one offset', file({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4), /two non-negative integers/],
    ['offset outside', file({ a: tensor(0, 8) }, 4), /tensor "a" ends at byte 8 of 4: cut short\?/],
    ['overlap', file({ a: tensor(0, 8), b: tensor(4, 12) }, 12), /tensor "b" overlaps/],
    ['gap', file({ a: tensor(0, 4), b: tensor(8, 12) }, 12), /4 bytes before tensor "b" belong to none/],
    ['bytes left over', file({ a: tensor(0, 4) }, 5), /the last 1 bytes belong to no tensor/],
    ['name of many lines', file({ ['x\n'.repeat(1000)]: 1 }), /tensor "x\\nx/],
    ['name __proto__', file('{"__proto__":1}'), /tensor "__proto__" must be an object/],
  ])('%s is refused with one line', (_, bytes, message) => {
    let error: unknown;
    try {
      parseSafetensors(bytes, 'bad.safetensors');
    } catch (thrown) {
      error = thrown;
    }
    expect(isVggError(error) && error.code).toBe('VGG_WEIGHTS');
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^bad\.safetensors is not a valid safetensors file: .{1,200}$/);
  });

  it('may have __proto__ as a tensor and in its metadata, without harm', () => {
    const { tensors, metadata } = parseSafetensors(
      file(`{"__metadata__":{"__proto__":"x"},"__proto__":${JSON.stringify(tensor(0, 4))}}`, 4),
    );
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect(metadata.toString).toBeUndefined();
  });
});

describe('serialising', () => {
  it('aligns every tensor to its element', () => {
    const bytes = serialiseSafetensors(
      new Map([
        ['u8', { dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) }],
        ['f32', fromFloat32([2], Float32Array.of(1.5, -2))],
        ['i32', fromInt32([1], Int32Array.of(7))],
      ]),
      { note: 'täglich' },
    );
    const { tensors, metadata } = parseSafetensors(bytes);
    expect(metadata).toEqual({ note: 'täglich' });
    expect([...tensors.keys()]).toEqual(['f32', 'i32', 'u8']);
    expect(tensors.get('f32')!.bytes.byteOffset % 8).toBe(0);
    expect([...asFloat32(tensors.get('f32')!)]).toEqual([1.5, -2]);
    expect([...tensors.get('u8')!.bytes]).toEqual([1, 2, 3]);
  });

  it('writes a file without tensors', () => {
    const { tensors, metadata } = parseSafetensors(serialiseSafetensors(new Map()));
    expect([tensors.size, Object.keys(metadata).length]).toEqual([0, 0]);
  });

  it('refuses tensors that could not be read', () => {
    const bytes = new Uint8Array(4);
    expect(() => serialiseSafetensors(new Map([['a', { dtype: 'F32', shape: [2], bytes }]]))).toThrow(
      'tensor a, F32 of shape [2], needs 8 bytes, got 4',
    );
    expect(() => serialiseSafetensors(new Map([['__metadata__', { dtype: 'F32', shape: [1], bytes }]]))).toThrow(
      'a tensor cannot be named __metadata__',
    );
    expect(() => serialiseSafetensors(new Map([['a', { dtype: 'F32', shape: [1.5], bytes }]]))).toThrow(
      'tensor "a" has the impossible shape [1.5]',
    );
    expect(() => fromFloat32([2, 2], new Float32Array(3))).toThrow('shape [2,2] needs 4 values, got 3');
    expect(() => fromInt32([2], new Int32Array(3))).toThrow('shape [2] needs 2 values, got 3');
  });
});
