/** Sums of large tensors are taken in the engine's memory, where the engine lends it: the order of additions is the same. */
import './backend';
import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { dispose, type NamedTensorMap, registerKernel, tensor1d, unregisterKernel } from '@tensorflow/tfjs-core';
import { type Communicator, memoryJob, shareOf, sumPlan, TreeSum } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reduceTensors } from '../src/reduce';

const TERMS = 5;
const SIZES = { large: 70_000, small: 3 };
const entries = (['large', 'small'] as const).map((name) => ({ name, shape: [SIZES[name]] }));

const add = (left: Float32Array, right: Float32Array) => left.map((value, i) => value + right[i]!);

/** Partial sums of consecutive terms, whose sizes differ so much that the order of additions shows. */
function partsOf(name: keyof typeof SIZES, first: number, end: number): readonly Float32Array[] {
  const tree = new TreeSum<Float32Array>(TERMS, first, add);
  for (let i = first; i < end; i++) {
    tree.push(Float32Array.from({ length: SIZES[name] }, (_, at) => Math.sin(7 * i + at) * 10 ** i));
  }
  return tree.parts;
}

/** Lengths of the arrays that were returned to the engine. */
const released: number[] = [];

/** Bytes of the sums by name. */
async function sumsOf(communicator: Communicator): Promise<Map<string, Buffer>> {
  const { first, end } = shareOf(TERMS, communicator.rank, communicator.size);
  const smalls = partsOf('small', first, end);
  const parts = partsOf('large', first, end).map((large, i) => {
    const tensors: NamedTensorMap = { large: tensor1d(large), small: tensor1d(smalls[i]!) };
    return new Map(Object.entries(tensors));
  });
  const [sums] = await reduceTensors(communicator, [{ entries, parts }], TERMS);
  for (const part of parts) dispose([...part.values()]);
  const read = [...sums!].map(([name, sum]): [string, Buffer] => [name, Buffer.from(sum.dataSync().buffer)]);
  dispose([...sums!.values()]);
  return new Map(read);
}

describe('sums in lent memory', () => {
  beforeAll(() => {
    registerKernel({
      kernelName: 'LendNumbers',
      backendName: 'cpu',
      kernelFunc: ({ inputs, attrs, backend }) => {
        const cpu = backend as MathBackendCPU;
        const x = inputs.x!;
        cpu.incRef(x.dataId);
        const numbers = cpu.data.get(x.dataId).values as Float32Array;
        const { take } = attrs as unknown as { take: (lent: Promise<unknown>) => void };
        take(Promise.resolve({ numbers, release: () => released.push(numbers.length) }));
        return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
      },
    });
  });
  afterAll(() => unregisterKernel('LendNumbers', 'cpu'));

  it.each([2, 3, 4, 7])('have the bits of one process: %i ranks', async (size) => {
    released.length = 0;
    const expected = new Map<string, Buffer>(
      entries.map(({ name }) => [name, Buffer.from(partsOf(name, 0, TERMS)[0]!.buffer)]),
    );
    const all = await expectNoLeak(() => Promise.all(memoryJob(size).map(sumsOf)));
    for (const sums of all) {
      expect([...sums.keys()]).toEqual(['large', 'small']);
      expect([...sums].filter(([name, bytes]) => !bytes.equals(expected.get(name)!))).toEqual([]);
    }
    expect(released).toEqual(Array(sumPlan(TERMS, size).merges.length).fill(SIZES.large));
  });
});
