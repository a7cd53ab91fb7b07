import './backend';
import { dispose, sum } from '@tensorflow/tfjs-core';
import { type RandomStream, randomStream } from '@vgg/core';
import { MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { batchSums, type ForwardOptions, type Loss, splitBatch, trainStep } from '../src/index';
import { ToyNet, toyBatch, weightsOf } from './toy';

const RATE = 0.1;

/** Makes one step without momentum, decay and dropout. Returns the change of the weights and the mean gradient. */
async function move(clipNorm?: number) {
  const model = new ToyNet({ dropout: 0, batchNorm: false });
  const microBatches = splitBatch(toyBatch(5), 2);
  const before = weightsOf(model)['fc8.weight']!;
  const sums = (await batchSums({ model, microBatches, seed: 0, step: 0 }))!;
  const gradient = [...sums.gradients.get('fc8.weight')!.dataSync()].map((value) => value / 5);
  const norm = Math.hypot(
    ...[...sums.gradients.values()].flatMap((sum) => [...sum.dataSync()].map((value) => value / 5)),
  );
  dispose([...sums.gradients.values()]);
  const optimiser = new MomentumSgd({ momentum: 0, weightDecay: 0 });
  const options = { model, microBatches, seed: 0, step: 0, optimiser, rate: RATE };
  const result = await trainStep(clipNorm === undefined ? options : { ...options, clipNorm });
  const moved = weightsOf(model)['fc8.weight']!.map((value, i) => value - before[i]!);
  model.dispose();
  optimiser.dispose();
  return { moved, gradient, norm, result };
}

describe('trainStep', () => {
  it('moves the weights by the rate times the mean gradient over all images', async () => {
    const { moved, gradient, norm, result } = await expectNoLeak(() => move());
    expect(moved).toBeAllclose(
      gradient.map((value) => -RATE * value),
      { rtol: 1e-4, atol: 1e-6 },
    );
    expect(result!.gradientNorm).toBeCloseTo(norm, 5);
  });

  it('scales gradients longer than the clipping norm down to it', async () => {
    const { norm } = await move();
    const { moved, gradient, result } = await move(norm / 4);
    expect(moved).toBeAllclose(
      gradient.map((value) => (-RATE * value) / 4),
      { rtol: 1e-4, atol: 1e-6 },
    );
    expect(result!.gradientNorm).toBeCloseTo(norm, 5);
  });

  it('refuses a net that lists one variable under two names, and leaves it unchanged', async () => {
    const model = new ToyNet({ dropout: 0, batchNorm: false });
    const before = weightsOf(model);
    model.variables.set('tied.weight', model.variables.get('fc8.weight')!);
    const microBatches = splitBatch(toyBatch(5), 2);
    const optimiser = new MomentumSgd();
    await expect(trainStep({ model, microBatches, seed: 0, step: 0, optimiser, rate: RATE })).rejects.toMatchObject({
      code: 'VGG_ARGUMENT',
      message: 'expected one name for each variable, got fc8.weight and tied.weight for one: list it once',
    });
    expect(weightsOf(model)).toMatchObject(before);
    model.dispose();
  });

  it('disposes all tensors of a step whose loss fails after the forward pass', async () => {
    let calls = 0;
    const failing: Loss = {
      name: 'failing',
      sum: (logits) => sum(logits),
      metric: {
        name: 'failing',
        sum: () => {
          calls += 1;
          if (calls < 2) return 0;
          throw new Error('metric');
        },
      },
    };
    const model = new ToyNet();
    const optimiser = new MomentumSgd();
    const options = { model, microBatches: splitBatch(toyBatch(5), 2), seed: 0, step: 0, optimiser, rate: RATE };
    await expectNoLeak(() => expect(trainStep({ ...options, loss: failing })).rejects.toThrow('metric'));
    expect(calls).toBe(2);
    optimiser.dispose();
    model.dispose();
  });

  it('addresses dropout by seed, layer, step and micro-batch', async () => {
    const streams: RandomStream[] = [];
    class Recording extends ToyNet {
      override apply(images: Parameters<ToyNet['apply']>[0], options: ForwardOptions = {}) {
        streams.push(options.dropout!('drop7'));
        return super.apply(images, options);
      }
    }
    const model = new Recording();
    const optimiser = new MomentumSgd();
    await trainStep({ model, microBatches: splitBatch(toyBatch(5), 2), seed: 42, step: 17, optimiser, rate: RATE });
    const expected = [0, 1, 2].map((index) => randomStream(42, 'dropout/drop7', 17, index).uint32());
    expect(streams.map((stream) => stream.uint32())).toEqual(expected);
  });
});
