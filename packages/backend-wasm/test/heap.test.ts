import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { normals } from './compare';

const GIB = 2 ** 30;

function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}

beforeAll(() => tf.setBackend('wasm'));

describe('the heap', () => {
  it('grows during a kernel without harm', () => {
    const x = tf.tensor(normals([1, 9, 9, 4], 1), [1, 9, 9, 4]);
    const filter = tf.tensor(normals([36 * 8], 2), [3, 3, 4, 8]);
    const convolve = () => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same');
    const before = convolve();
    const backend = tf.backend() as BackendWasm;
    const size = () => (backend.wasm as unknown as { HEAPU8: Uint8Array }).HEAPU8.length;
    const held: tf.Tensor[] = [];
    for (const start = size(); size() <= start + (64 << 20); ) {
      held.push(tf.fill([1 << 20], 1), convolve());
      expect(held.at(-1)!).toBeAllclose(before, { rtol: 0 });
    }
    tf.dispose([x, filter, before, ...held]);
  });

  it('refuses more than 4 GiB with one line that names the bytes, and stays usable', async () => {
    await expectNoLeak(() => {
      const column = tf.ones([40_000, 1]);
      const error = thrownBy(() => tf.matMul(column, column, false, true));
      expect(error).toBeInstanceOf(VggError);
      expect(error).toMatchObject({ code: 'VGG_BACKEND', details: { bytes: 6_400_000_000, limit: 4_294_901_760 } });
      expect((error as Error).message).toMatch(
        /^the WASM backend cannot allocate 6400000000 bytes: .*micro-batch[^\n]*$/,
      );
      expect(tf.tidy(() => tf.matMul(tf.ones([1, 3]), tf.ones([3, 1])).dataSync())).toEqual(new Float32Array([3]));
      column.dispose();
    });
  });

  it.each([
    ['1 GiB and a half', 1.5 * GIB],
    ['1 GiB and three quarters', 1.75 * GIB],
    ['2 GiB', 2 * GIB],
    ['4 GiB less one number', 4 * GIB - 4],
  ])('refuses a block that does not fit next to the others: %s', (_, bytes) => {
    const backend = tf.backend() as BackendWasm;
    const large = backend.makeOutput([(5 * GIB) / 8], 'float32'); // 2.5 GiB, never touched
    const error = thrownBy(() => backend.makeOutput([bytes / 4], 'float32'));
    backend.disposeData(large.dataId);
    expect(error).toMatchObject({ code: 'VGG_BACKEND', details: { bytes } });
  });

  it('reuses freed memory', () => {
    const backend = tf.backend() as BackendWasm;
    for (let i = 0; i < 3; i++) {
      const outputs = [(5 * GIB) / 8, GIB / 4].map((size) => backend.makeOutput([size], 'float32'));
      for (const { dataId } of outputs) backend.disposeData(dataId);
    }
  });

  it('addresses tensors above 2 GiB', () => {
    const backend = tf.backend() as BackendWasm;
    const large = backend.makeOutput([(5 * GIB) / 8], 'float32');
    const values = normals([17, 23], 3);
    const result = tf.tidy(() => tf.matMul(tf.tensor2d(values, [17, 23]), tf.eye(23)).dataSync());
    const high = tf.tensor2d(values, [17, 23]);
    backend.disposeData(large.dataId);
    expect(result).toEqual(values);
    high.dispose();
  });
});
