/** Tensors whose own memory is lent: what is written there is theirs, and nothing else changes. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { sizeOf } from '@vgg/core';
import { createVgg, heInitialiser, type Initialiser } from '@vgg/models';
import { expectNoLeak } from '@vgg/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import type { OnednnBackend } from '../src/backend';
import { isBuilt, reason } from './native-build';

interface Lent {
  numbers: Float32Array;
  release(): void;
}

function lend(x: tf.Tensor): { tensor: tf.Tensor; numbers: Promise<Lent> } {
  let numbers!: Promise<Lent>;
  const take = (lent: Promise<Lent>): void => {
    numbers = lent;
  };
  const tensor = tf.engine().runKernel('LendNumbers', { x }, { take } as unknown as tf.NamedAttrMap) as tf.Tensor;
  return { tensor, numbers };
}

/** Returns the native memory of all tensors. */
function bytesInUse(): number {
  // Releases are queued.
  (tf.backend() as OnednnBackend).device.drain();
  return (tf.memory() as unknown as { bytesInUse: number }).bytesInUse;
}

describe.skipIf(!isBuilt)(`lent numbers${reason}`, () => {
  beforeAll(async () => {
    const { configure } = await import('../src/index');
    configure({ poison: true, precision: 'float32' });
    tf.env().set('IS_NODE', false);
    await tf.setBackend('onednn');
  });

  it.each([10, 100_000])('are the memory of the tensor: %i numbers', async (size) => {
    await expectNoLeak(async () => {
      const x = tf.fill([size], 2);
      const { tensor, numbers } = lend(x);
      x.dispose();
      const lent = await numbers;
      expect([lent.numbers.length, lent.numbers[0], lent.numbers[size - 1]]).toEqual([size, 2, 2]);
      lent.numbers.fill(5, 0, 3);
      lent.release();
      expect(lent.numbers.length).toBe(0);
      const squares = tf.square(tensor);
      expect([...(await squares.data()).slice(0, 4)]).toEqual([25, 25, 25, 4]);
      expect([...(await tensor.data()).slice(0, 4)]).toEqual([5, 5, 5, 2]);
      tf.dispose([tensor, squares]);
    });
  });

  it.each([10, 1_000_000])('of a new tensor are what was written there: %i numbers', async (size) => {
    await expectNoLeak(async () => {
      const backend = tf.backend() as unknown as { lendNew(shape: number[]): Lent & { info: tf.TensorInfo } };
      const { info, numbers, release } = backend.lendNew([size, 2]);
      const tensor = tf.engine().makeTensorFromTensorInfo(info);
      for (let i = 0; i < numbers.length; i++) numbers[i] = i;
      release();
      expect([numbers.length, tensor.shape, tensor.dtype]).toEqual([0, [size, 2], 'float32']);
      const sum = tf.add(tensor, 1);
      expect((await sum.data()).at(-1)).toBe(2 * size);
      expect((await tensor.data()).at(-1)).toBe(2 * size - 1);
      tf.dispose([tensor, sum]);
    });
  });

  it('of a new tensor stay valid after it is disposed', async () => {
    await expectNoLeak(async () => {
      const backend = tf.backend() as unknown as { lendNew(shape: number[]): Lent & { info: tf.TensorInfo } };
      const { info, numbers, release } = backend.lendNew([10_000]);
      tf.engine().makeTensorFromTensorInfo(info).dispose();
      const others = tf.tidy(() => tf.sqrt(tf.fill([10_000], 49)));
      await others.data();
      numbers.fill(3);
      release();
      expect((await others.data())[0]).toBe(7);
      others.dispose();
    });
  });

  it('of the weights of a new net are those of the initialiser, and take no other memory', async () => {
    await expectNoLeak(async () => {
      const initialiser = heInitialiser({ seed: 3 });
      const before = bytesInUse();
      const net = createVgg({ configuration: 'A', width: 0.125, head: 'none' }, initialiser);
      const taken = bytesInUse() - before;
      const weights = [...net.variables.values()].filter(({ rank }) => rank === 4);
      // Memory is taken in steps of at most a quarter. Biases are in JavaScript until they are used.
      const bytes = weights.reduce((sum, { size }) => sum + 4 * size, 0);
      expect([taken >= bytes, taken < 1.25 * bytes]).toEqual([true, true]);
      const kernel = net.variables.get('conv3_2.weight')!;
      const spec = { name: 'conv3_2.weight', layer: 'conv3_2', role: 'weight', shape: kernel.shape } as const;
      expect(await kernel.data()).toEqual(initialiser(spec));
      net.dispose();
    });
  });

  it('of a new net are released if its initialiser fails or returns other numbers, or a view of them', async () => {
    const before = bytesInUse();
    await expectNoLeak(async () => {
      const options = { configuration: 'A', width: 0.125, head: 'none' } as const;
      const fails: Initialiser = (_, allocate) => {
        allocate?.();
        throw new Error('no numbers');
      };
      expect(() => createVgg(options, fails)).toThrow('no numbers');
      const others: Initialiser = ({ shape }, allocate) => {
        allocate?.().fill(1);
        return new Float32Array(sizeOf(shape)).fill(2);
      };
      const viewed: Initialiser = (_, allocate) => allocate!().fill(3).subarray(0);
      const net = createVgg(options, others);
      expect((await net.variables.get('conv1_1.weight')!.data())[0]).toBe(2);
      net.dispose();
      const seen = createVgg(options, viewed);
      expect((await seen.variables.get('conv1_1.weight')!.data())[0]).toBe(3);
      seen.dispose();
    });
    expect(bytesInUse()).toBe(before);
  });

  it('are released once: a second release does nothing', async () => {
    const backend = tf.backend() as unknown as { lendNew(shape: number[]): Lent & { info: tf.TensorInfo } };
    const { info, numbers, release } = backend.lendNew([10_000]);
    const tensor = tf.engine().makeTensorFromTensorInfo(info);
    numbers.fill(3);
    release();
    release();
    const other = tf.tidy(() => tf.sqrt(tf.fill([10_000], 49)));
    expect([(await other.data())[0], (await tensor.data())[0]]).toEqual([7, 3]);
    tf.dispose([tensor, other]);
  });

  it('leave other tensors as they were: clones, reshaped ones and arrays of the program', async () => {
    await expectNoLeak(async () => {
      const array = Float32Array.of(1, 2, 3, 4);
      const x = tf.tensor1d(array);
      const [clone, square] = [x.clone(), tf.reshape(x, [2, 2])];
      const { tensor, numbers } = lend(x);
      const lent = await numbers;
      lent.numbers.fill(9);
      lent.release();
      expect(await Promise.all([x, clone, square].map(async (t) => [...(await t.data())]))).toEqual(
        Array(3).fill([1, 2, 3, 4]),
      );
      expect([...array]).toEqual([1, 2, 3, 4]);
      expect([...(await tensor.data())]).toEqual([9, 9, 9, 9]);
      tf.dispose([x, clone, square, tensor]);
    });
  });

  it('come when every operation has run that was queued before, though it only reads them', async () => {
    await expectNoLeak(async () => {
      const size = 1000;
      const x = tf.fill([size, size], 1);
      const late = tf.tidy(() => {
        let y: tf.Tensor = tf.fill([size, size], 1);
        for (let i = 0; i < 50; i++) y = tf.sqrt(y);
        return tf.add(y, x);
      });
      const { tensor, numbers } = lend(x);
      const lent = await numbers;
      lent.numbers.fill(7);
      lent.release();
      expect(new Set(await late.data())).toEqual(new Set([2]));
      tf.dispose([x, late, tensor]);
    });
  });

  it('stay valid when their tensor is disposed', async () => {
    await expectNoLeak(async () => {
      const x = tf.fill([1 << 20], 3);
      const { tensor, numbers } = lend(x);
      const lent = await numbers;
      tf.dispose([x, tensor]);
      const other = tf.fill([1 << 20], 4);
      await other.data();
      expect(lent.numbers.every((value) => value === 3)).toBe(true);
      lent.release();
      other.dispose();
    });
  });

  it('are those of float32 tensors', () => {
    const x = tf.tensor1d([1], 'int32');
    expect(() => lend(x)).toThrow('LendNumbers of onednn takes float32 tensors that fit, got x int32 [1]');
    x.dispose();
  });
});
