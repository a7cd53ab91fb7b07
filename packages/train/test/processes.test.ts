/** Section 3.3: the gradient of a batch computed by several processes is that of one. */
import './backend';
import { dispose, tensor1d } from '@tensorflow/tfjs-core';
import { type Communicator, singleProcess } from '@vgg/core';
import { constant, MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { batchSums, type FitOptions, fit, splitBatch } from '../src/index';
import { buckets, reduceTensors } from '../src/reduce';
import { MemoryStore, ToyNet, toyBatch, toyBatches, weightsOf } from './toy';

/** Job of several processes in memory. An operation completes when all have called it, and sums in the order of ranks. */
function fakeJob(size: number): Communicator[] {
  let waiting: { buffer: Float32Array; resolve: () => void }[] = [];
  const arrived: Float32Array[] = [];
  return Array.from({ length: size }, (_, rank) => ({
    ...singleProcess,
    rank,
    size,
    allReduceSum: (buffer) =>
      new Promise<void>((resolve) => {
        arrived[rank] = buffer;
        waiting.push({ buffer, resolve });
        if (waiting.length < size) return;
        if (new Set(arrived.map(({ length }) => length)).size > 1) throw new Error('buffers of different lengths');
        const sum = arrived[0]!.slice();
        for (const other of arrived.slice(1))
          other.forEach((value, i) => {
            sum[i] = sum[i]! + value;
          });
        const done = waiting;
        waiting = [];
        for (const one of done) one.buffer.set(sum);
        for (const one of done) one.resolve();
      }),
  }));
}

/** Trains one toy net per process and returns each one's result, weights and checkpoints. */
async function train(communicators: Communicator[], options: Partial<FitOptions> = {}, makeNet = () => new ToyNet()) {
  return await Promise.all(
    communicators.map(async (communicator) => {
      const model = makeNet();
      const optimiser = new MomentumSgd();
      const store = new MemoryStore();
      try {
        const result = await fit({
          model,
          optimiser,
          batches: toyBatches(),
          microBatch: 2,
          schedule: constant(0.05),
          epochs: 2,
          seed: 11,
          communicator,
          checkpoints: { store },
          ...options,
        });
        return { result, weights: weightsOf(model), store };
      } finally {
        model.dispose();
        optimiser.dispose();
      }
    }),
  );
}

describe('several processes', () => {
  it.each([2, 3, 4])('train like one process, with dropout and batch norm: %i', async (size) => {
    const [alone] = await train([singleProcess]);
    const together = await expectNoLeak(() => train(fakeJob(size)));
    for (const { weights, result } of together) {
      // The sums differ from those of one process only by the order of additions; all processes have the same bits.
      expect(weights).toEqual(together[0]!.weights);
      for (const [name, values] of Object.entries(alone!.weights)) {
        expect(weights[name]).toBeAllclose(values, { rtol: 1e-5, atol: 1e-6 });
      }
      expect(result.training!.top1).toBe(alone!.result.training!.top1);
      expect(result.training!.loss).toBeCloseTo(alone!.result.training!.loss, 5);
    }
  });

  it('train like one process to the bit if each computes one micro-batch', async () => {
    const options = { batches: toyBatches(3, 8) };
    const [alone] = await train([singleProcess], options);
    const together = await train(fakeJob(4), options);
    expect(together[3]!.weights).toEqual(alone!.weights);
  });

  it('may have no micro-batch', async () => {
    const options = { batches: toyBatches(2, 3), microBatch: 8 };
    const [alone] = await train([singleProcess], options);
    for (const { weights } of await train(fakeJob(3), options)) expect(weights).toEqual(alone!.weights);
  });

  it('save checkpoints only in the first process', async () => {
    const together = await train(fakeJob(2));
    expect(together.map(({ store }) => store.saved.length)).toEqual([2, 0]);
  });

  it('stop together, after the same step, if one is interrupted', async () => {
    const controller = new AbortController();
    const communicators = fakeJob(2);
    const model = new ToyNet();
    const other = new ToyNet();
    const start = (net: ToyNet, communicator: Communicator, extra: Partial<FitOptions>) =>
      fit({
        model: net,
        optimiser: new MomentumSgd(),
        batches: toyBatches(),
        microBatch: 2,
        schedule: constant(0.05),
        epochs: 2,
        seed: 11,
        communicator,
        ...extra,
      });
    const results = await Promise.all([
      start(model, communicators[0]!, {}),
      start(other, communicators[1]!, {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'micro-batch' && event.step === 1) controller.abort();
        },
      }),
    ]);
    for (const result of results) expect(result).toMatchObject({ reason: 'interrupted', step: 2 });
    expect(weightsOf(model)).toEqual(weightsOf(other));
  });

  it('all fail if one fails, and none waits for ever', async () => {
    const batchOf = (bad: boolean) => ({ ...toyBatch(4), labels: Int32Array.of(0, 1, 2, bad ? 9 : 3) });
    const job = fakeJob(2);
    const outcomes = await Promise.allSettled(
      job.map((communicator) =>
        batchSums({
          model: new ToyNet(),
          seed: 1,
          step: 0,
          microBatches: splitBatch(batchOf(communicator.rank === 1), 2),
          communicator,
        }),
      ),
    );
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.message)).toEqual([
      expect.stringMatching(/1 other process\(es\) of the job failed/),
      expect.stringMatching(/labels from 0 to 3, got 9/),
    ]);
  });
});

describe('messages', () => {
  it('contain whole tensors, several small ones or one large one', () => {
    const entry = (name: string, size: number) => ({ name, shape: [size] });
    const groups = buckets(
      [entry('a', 3), entry('b', 4), entry('c', 5), entry('d', 20), entry('e', 0), entry('f', 1)],
      8,
    );
    expect(groups.map((group) => group.map(({ name }) => name))).toEqual([['a', 'b'], ['c'], ['d'], ['e', 'f']]);
  });

  it('keep names, shapes and order', async () => {
    const sums = new Map([
      ['b', tensor1d([1, 2])],
      ['a', tensor1d([3])],
    ]);
    const entries = [
      { name: 'a', shape: [1] },
      { name: 'b', shape: [2] },
      { name: 'c', shape: [1, 2] },
    ];
    const [reduced] = await Promise.all(fakeJob(2).map((communicator) => reduceTensors(communicator, entries, sums)));
    expect([...reduced!].map(([name, tensor]) => [name, tensor.shape, [...tensor.dataSync()]])).toEqual([
      ['a', [1], [6]],
      ['b', [2], [2, 4]],
      ['c', [1, 2], [0, 0]],
    ]);
    dispose([...reduced!.values()]);
  });
});
