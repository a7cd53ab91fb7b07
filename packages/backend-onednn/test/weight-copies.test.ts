/** Copies of weights in oneDNN's layouts: inputs of many shapes share them. */
import { describe, expect, it } from 'vitest';
import { Device, type NativeBuffer } from '../src/device';
import { loadNative } from '../src/load';
import type { NativeOptions } from '../src/native';
import { isBuilt, reason } from './native-build';
import { normals } from './reference';

type Precision = NativeOptions['precision'];

const MEBIBYTE = 2 ** 20;
/** Most copies that a storage keeps (native/weight_copies.h). */
const MOST = 4;
const PRECISIONS: readonly Precision[] = isBuilt && loadNative().bf16 ? ['float32', 'bfloat16'] : ['float32'];

function makeDevice(precision: Precision): Device {
  const options = { threads: 2, memoryLimit: 2048 * MEBIBYTE, cacheLimit: 512, poison: true, synchronous: false };
  return new Device(loadNative(), { ...options, precision });
}

/** Returns the bytes in use after each call, without those of the call's result. */
function bytesAfter(device: Device, calls: readonly (() => NativeBuffer)[]): number[] {
  return calls.map((call) => {
    call().release();
    device.drain();
    return device.statistics().bytesInUse;
  });
}

function run(
  device: Device,
  kernel: string,
  operands: [NativeBuffer, number[]][],
  shape: number[],
  attributes: number[],
) {
  const buffer = device.reserve();
  const inputs = operands.map(([input, sides]) => ({ buffer: input, shape: sides }));
  device.submit(kernel, inputs, [{ buffer, shape, dtype: 'float32' }], attributes);
  return buffer;
}

const size = (shape: number[]) => shape.reduce((product, side) => product * side, 1);

/** Runs a kernel with an input of that shape, which is released. */
function runOn(
  device: Device,
  kernel: string,
  weights: [NativeBuffer, number[]],
  input: number[],
  shape: number[],
  attributes: number[],
): NativeBuffer {
  const x = device.upload('float32', normals(size(input), 1));
  const y = run(device, kernel, [[x, input], weights], shape, attributes);
  x.release();
  return y;
}

/** Expects room for the weights and at most {@link MOST} copies of them, rounded up by the pool. */
function expectFew(bytes: readonly number[], weights: number): void {
  expect(Math.max(...bytes)).toBeLessThan((1 + MOST) * weights * 1.3);
  expect(new Set(bytes).size).toBeLessThanOrEqual(MOST);
}

const FILTER = [7, 7, 64, 128];
const VALID = [1, 1, 1, 1, 0, 0, 0, 0];
const SIDES = [
  [7, 7],
  [7, 8],
  [8, 10],
  [9, 7],
  [9, 12],
  [10, 13],
  [11, 7],
  [12, 12],
  [13, 17],
  [16, 9],
  [17, 25],
  [25, 30],
] as const;

describe.skipIf(!isBuilt)(`copies of weights${reason}`, () => {
  describe.each(PRECISIONS)('in %s', (precision) => {
    it.each([
      ['Conv2D', [...VALID, 1, 1]],
      ['Conv2DBackpropInput', VALID],
    ] as const)('%s: a dozen sizes and batches take no more memory than few', (kernel, attributes) => {
      const device = makeDevice(precision);
      const filter = device.upload('float32', normals(size(FILTER), 2));
      const calls = SIDES.flatMap(([height, width]) =>
        [1, 2, 3, 8].map((images) => () => {
          const x = [images, height, width, FILTER[2]!];
          const y = [images, height - 6, width - 6, FILTER[3]!];
          const [input, output] = kernel === 'Conv2D' ? [x, y] : [y, x];
          return runOn(device, kernel, [filter, FILTER], input, output, [...attributes]);
        }),
      );
      const bytes = bytesAfter(device, calls);
      expectFew(bytes, 4 * size(FILTER));
      device.close();
    });

    it('BatchMatMul: batches of 1 to 100 take no more memory than few', () => {
      const device = makeDevice(precision);
      const matrix = device.upload('float32', normals(1000 * 700, 2));
      const calls = Array.from({ length: 100 }, (_, i) => i + 1).map(
        (rows) => () =>
          runOn(device, 'BatchMatMul', [matrix, [1, 1000, 700]], [1, rows, 1000], [1, rows, 700], [0, 0, 0, 1]),
      );
      const bytes = bytesAfter(device, calls);
      expectFew(bytes, 4 * 1000 * 700);
      device.close();
    });
  });

  it('are at most four where the layouts differ: matrices of small images', () => {
    const device = makeDevice('float32');
    const filter = device.upload('float32', normals(9 * 64 * 64, 2));
    const sides = [1, 2, 3, 4].flatMap((height) => [1, 2, 3, 4].map((width) => [height, width] as const));
    const calls = sides
      .filter(([height, width]) => height * width <= 4)
      .map(([height, width]) => () => {
        const x = [32, height, width, 64];
        return runOn(device, 'Conv2D', [filter, [3, 3, 64, 64]], x, x, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
      });
    const matrix = 4 * 16 * 64 * 64;
    const bytes = bytesAfter(device, [...calls, ...calls]);
    expect(Math.max(...bytes)).toBeGreaterThan(2 * matrix);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(MOST * matrix + 2 * 9 * 64 * 64 * 4);
    device.close();
  });

  it('that inputs of several sizes share give the bits of a copy of their own', () => {
    const numbers = (device: Device, filter: NativeBuffer, side: number) => {
      const y = [2, side - 6, side - 6, FILTER[3]!];
      const result = runOn(device, 'Conv2D', [filter, FILTER], [2, side, side, FILTER[2]!], y, [...VALID, 1, 1]);
      const values = new Float32Array(device.readSync(result));
      result.release();
      return values;
    };
    for (const precision of PRECISIONS) {
      const device = makeDevice(precision);
      const values = normals(size(FILTER), 2);
      const shared = device.upload('float32', values);
      for (const side of [7, 8, 13, 20]) {
        const own = device.upload('float32', values);
        expect(numbers(device, shared, side)).toEqual(numbers(device, own, side));
        own.release();
      }
      device.close();
    }
  });
});
