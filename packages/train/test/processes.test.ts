/** Section 3.3: the result of several processes is that of one, to the bit. */
import './backend';
import { dispose, tensor1d } from '@tensorflow/tfjs-core';
import { type Communicator, memoryJob, shareOf, singleProcess } from '@vgg/core';
import { constant, MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { batchSums, type FitOptions, fit, imageShare, splitBatch, validate } from '../src/index';
import { buckets, reduceTensors } from '../src/reduce';
import { MemoryStore, ToyNet, toyBatch, toyBatches, weightsOf } from './toy';

/** Gives a process the images of its share alone. */
function shared(batches: FitOptions['batches'], microBatch: number, communicator: Communicator): FitOptions['batches'] {
  return async function* (epoch, start) {
    for await (const { images, labels, size, height, width } of batches(epoch, start)) {
      const { first, end } = imageShare(size, microBatch, communicator);
      const pixels = height * width * 3;
      yield {
        images: images.slice(first * pixels, end * pixels),
        labels: labels?.slice(first, end),
        size: end - first,
        height,
        width,
        part: { first, total: size },
      };
    }
  };
}

/** Trains one toy net per process and returns each one's result, weights and checkpoints. */
async function train(communicators: Communicator[], options: Partial<FitOptions> = {}, makeNet = () => new ToyNet()) {
  return await Promise.all(
    communicators.map(async (communicator) => {
      const [model, optimiser, store] = [makeNet(), new MomentumSgd(), new MemoryStore()];
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

const RANKS = [2, 3, 4, 5, 8];

describe('several processes', () => {
  it.each(RANKS)('train as one does, to the bit, dropout and batch norm included: %i', async (size) => {
    const [alone] = await train([singleProcess]);
    const together = await expectNoLeak(() => train(memoryJob(size)));
    for (const { weights, result } of together) {
      expect(weights).toEqual(alone!.weights);
      expect(result).toEqual(alone!.result);
    }
    expect(together[0]!.store.saved).toEqual(alone!.store.saved);
  });

  it.each(RANKS)('read only their share of each batch, with the same result: %i', async (size) => {
    const options = { batches: toyBatches(3, 13), microBatch: 3, cutMix: 0.5, clipNorm: 0.1, averageDecay: 0.5 };
    const [alone] = await train([singleProcess], options);
    const jobs = memoryJob(size).map((communicator) =>
      train([communicator], { ...options, batches: shared(options.batches, 3, communicator) }),
    );
    for (const [{ weights, result } = { weights: {}, result: {} }] of await Promise.all(jobs)) {
      expect(weights).toEqual(alone!.weights);
      expect(result).toEqual(alone!.result);
    }
  });

  it('need not all have a micro-batch', async () => {
    const options = { batches: toyBatches(2, 3), microBatch: 8 };
    const [alone] = await train([singleProcess], options);
    for (const { weights } of await train(memoryJob(3), options)) expect(weights).toEqual(alone!.weights);
  });

  it('continue each others runs: 2, then 4, then 3, then 1', async () => {
    const [alone] = await train([singleProcess], { averageDecay: 0.9 });
    let resume: FitOptions['resume'];
    for (const [size, maxSteps] of [
      [2, 1],
      [4, 3],
      [3, 5],
      [1, 6],
    ] as const) {
      const job = memoryJob(size);
      const runs = job.map((communicator) => {
        // Rank 0 alone has read the checkpoint.
        const own = communicator.rank === 0 ? resume : undefined;
        return train(
          [communicator],
          { averageDecay: 0.9, maxSteps, resume: own },
          () => new ToyNet({ seed: communicator.rank }),
        );
      });
      const [[first]] = (await Promise.all(runs)) as [Awaited<ReturnType<typeof train>>];
      resume = first!.store.saved.at(-1);
    }
    expect(resume).toEqual(alone!.store.saved.at(-1));
  });

  it('validate their batches, to the result of one', async () => {
    const model = new ToyNet();
    const batches = Array.from({ length: 7 }, (_, i) => toyBatch(3, i));
    const alone = await validate({ model, batches });
    for (const size of [2, 3, 8]) {
      const results = memoryJob(size).map((communicator) => {
        const { first, end } = shareOf(batches.length, communicator.rank, size);
        return validate({ model, batches: batches.slice(first, end), communicator });
      });
      for (const result of await Promise.all(results)) expect(result).toEqual(alone);
    }
    model.dispose();
  });

  it('refuse to train with different settings, and name the rank', async () => {
    const runs = memoryJob(3).map((communicator) =>
      train([communicator], { clipNorm: communicator.rank === 2 ? 0.5 : 1 }),
    );
    for (const outcome of await Promise.allSettled(runs)) {
      expect(outcome).toMatchObject({
        reason: {
          message: expect.stringMatching(/^rank 2 \(localhost\) has clipNorm 0.5, rank 0 \(localhost\) has 1: /),
        },
      });
    }
  });

  it('all fail when the first cannot save', async () => {
    const store = { save: async () => Promise.reject(new Error('the disk is full')) };
    const runs = memoryJob(2).map((communicator) => train([communicator], { checkpoints: { store } }));
    const outcomes = await Promise.allSettled(runs);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.message)).toEqual([
      'the disk is full',
      'rank 0 (localhost) failed: the disk is full',
    ]);
  });

  it('save from the first process only', async () => {
    const together = await train(memoryJob(2));
    expect(together.map(({ store }) => store.saved.length)).toEqual([2, 0]);
  });

  it('stop together, after the same step, when one is interrupted', async () => {
    const controller = new AbortController();
    const communicators = memoryJob(2);
    const [model, other] = [new ToyNet(), new ToyNet()];
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

  it('all fail when one does, and none waits for ever', async () => {
    const batchOf = (bad: boolean) => ({ ...toyBatch(4), labels: Int32Array.of(0, 1, 2, bad ? 9 : 3) });
    const job = memoryJob(2);
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
      expect.stringMatching(/^rank 1 \(localhost\) failed: .*labels from 0 to 3, got 9/),
      expect.stringMatching(/labels from 0 to 3, got 9/),
    ]);
  });
});

describe('messages', () => {
  it('hold whole tensors, several small ones or one large one', () => {
    const entry = (name: string, size: number) => ({ name, shape: [size] });
    const groups = buckets(
      [entry('a', 3), entry('b', 4), entry('c', 5), entry('d', 20), entry('e', 0), entry('f', 1)],
      8,
    );
    expect(groups.map((group) => group.map(({ name }) => name))).toEqual([['a', 'b'], ['c'], ['d'], ['e', 'f']]);
  });

  it('keep names, shapes and order', async () => {
    const parts = new Map([
      ['b', tensor1d([1, 2])],
      ['a', tensor1d([3])],
    ]);
    const entries = [
      { name: 'a', shape: [1] },
      { name: 'b', shape: [1, 2] },
    ];
    const job = memoryJob(2).map((communicator) => reduceTensors(communicator, [{ entries, parts: [parts] }], 2));
    const [[reduced] = []] = await Promise.all(job);
    expect([...reduced!].map(([name, tensor]) => [name, tensor.shape, [...tensor.dataSync()]])).toEqual([
      ['a', [1], [6]],
      ['b', [1, 2], [2, 4]],
    ]);
    dispose([...reduced!.values()]);
  });
});
