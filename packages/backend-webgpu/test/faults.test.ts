/** Planted faults: each is one line at the next read, and nothing wrong is returned. */
import * as tf from '@tensorflow/tfjs-core';
import { isVggError } from '@vgg/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { VggWebgpuBackend } from '../src/backend';
import { hasDevice, reason } from './lavapipe';
import { start } from './reference';

const backend = () => tf.backend() as unknown as VggWebgpuBackend;

/** The message of what a read throws. */
async function messageOf(read: () => Promise<unknown>): Promise<string> {
  try {
    await read();
  } catch (error) {
    expect(isVggError(error)).toBe(true);
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

describe.skipIf(!hasDevice)(`faults${reason}`, () => {
  beforeEach(async () => {
    if ('webgpu' in tf.engine().registry) {
      await tf.setBackend('cpu');
      tf.backend();
      tf.engine().registry.webgpu!.dispose();
      delete tf.engine().registry.webgpu;
    }
    await start();
  });

  it('a shader with an error', async () => {
    const y = backend().output([4]);
    const { runner } = backend();
    const program = runner.program('Broken', '', () => '@compute @workgroup_size(1) fn main() { nonsense }');
    const bindings = [{ buffer: backend().operand(y).buffer }];
    runner.run({ program, bindings, groups: [1, 1, 1], label: () => 'Broken of [4]' });
    const message = await messageOf(() => backend().read(y.dataId));
    expect(message).toMatch(/^webgpu: the shader of Broken .*start again$/);
    // Nor does a later operation return numbers.
    expect(await messageOf(() => tf.add(1, tf.tensor1d([1, 2])).data())).toBe(message);
  });

  it('a tensor larger than what is bound at once', async () => {
    backend().bindingLimit = 1024;
    const x = tf.zeros<tf.Rank.R1>([1000]);
    expect(await messageOf(() => tf.cumsum(x).data())).toMatch(
      /^webgpu: \w+ of a tensor \[1000\] needs 4000 bytes, this GPU binds at most 1024: use a smaller batch or another engine$/,
    );
  });

  it('a stock operation on more tensors than are bound at once', async () => {
    const tensors = Array.from({ length: 40 }, () => tf.tensor1d([1, 2, 3], 'int32'));
    expect(await messageOf(() => tf.addN(tensors).data())).toMatch(/^webgpu: AddN\w* of 41 tensors: this GPU takes/);
  });

  it('a lost device', async () => {
    const x = tf.add(tf.tensor1d([1, 2]), 1);
    await x.data();
    backend().device.destroy();
    const y = tf.add(x, 1);
    expect(await messageOf(() => y.data())).toMatch(/^webgpu: after \w+: the device was lost .*start again$/);
  });

  it('memory that ends', async () => {
    const { device } = backend();
    const pop = device.popErrorScope.bind(device);
    let planted = false;
    device.popErrorScope = () => {
      const scope = pop();
      if (planted) return scope;
      planted = true;
      return scope.then(
        () =>
          new (globalThis as unknown as { GPUOutOfMemoryError: typeof GPUOutOfMemoryError }).GPUOutOfMemoryError(
            'planted',
          ),
      );
    };
    expect(await messageOf(() => tf.add(tf.ones([64]), 1).data())).toMatch(
      /^webgpu: a buffer of 256 bytes, \d+ in all: out of memory; use a smaller batch$/,
    );
  });

  it('a synchronous read in Node', async () => {
    const x = tf.add(tf.tensor1d([1, 2]), 1);
    expect(() => x.dataSync()).toThrow(/^webgpu cannot wait for the GPU here: use await tensor.data\(\)/);
  });
});
