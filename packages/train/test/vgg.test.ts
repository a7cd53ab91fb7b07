/**
 * Training with real nets: the micro-batches of section 3.3, resuming with batch norm and dropout, errors that name a
 * layer.
 */
import './backend';
import { dispose, type Tensor, fill as tensorFill, tidy } from '@tensorflow/tfjs-core';
import { type Communicator, memoryJob, randomStream, singleProcess, type VggError } from '@vgg/core';
import { createVgg, glorotInitialiser, type VggOptions } from '@vgg/models';
import { constant, MomentumSgd, Muon } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { batchSums, fineTune, fit, type ImageBatch, restoreCheckpoint, splitBatch, trainStep } from '../src/index';
import { MemoryStore, weightsOf } from './toy';

const SIDE = 32;
const NARROW = { inputSize: SIDE, width: 1 / 64, head: 'small', classes: 4 } as const;

function net(options: Partial<VggOptions> = {}) {
  return createVgg({ configuration: 'A', ...NARROW, ...options }, glorotInitialiser({ seed: 3 }));
}

function batch(size: number, ...address: number[]): ImageBatch {
  const random = randomStream(1, 'images', ...address);
  const labels = Int32Array.from({ length: size }, () => random.integer(4));
  const images = random.fillNormal(new Float32Array(size * SIDE * SIDE * 3)).map((x) => 50 * x);
  return { images, labels, size, height: SIDE, width: SIDE };
}

/** Returns |a - b| / |b| in the Euclidean norm. */
function relativeError(a: Tensor, b: Tensor): number {
  const x = a.dataSync();
  const y = b.dataSync();
  let difference = 0;
  let size = 0;
  for (let i = 0; i < y.length; i++) {
    difference += (x[i]! - y[i]!) ** 2;
    size += y[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

describe('a batch of 256 as 8 micro-batches of 32', () => {
  it('has the gradient of one batch of 256 within 1e-5 in every variable', async () => {
    const model = net({ dropout: 0 });
    await expectNoLeak(async () => {
      const all = batch(256);
      const options = { model, seed: 1, step: 0 };
      const whole = (await batchSums({ ...options, microBatches: splitBatch(all, 256) }))!;
      const split = (await batchSums({ ...options, microBatches: splitBatch(all, 32) }))!;
      expect(split.totals.samples).toBe(256);
      expect(split.totals.loss / whole.totals.loss).toBeCloseTo(1, 5);
      for (const [name, gradient] of whole.gradients) {
        expect(relativeError(split.gradients.get(name)!, gradient), name).toBeLessThan(1e-5);
      }
      dispose([...whole.gradients.values(), ...split.gradients.values()]);
    });
    model.dispose();
  });
});

describe('two epochs', () => {
  it.each([1, 3])('are the same to the bit when the run is saved after step %s of 4 and resumed', async (step) => {
    const options = { microBatch: 2, epochs: 2, seed: 5, schedule: constant(0.001) };
    const batches = (epoch: number, start: number) => [batch(4, epoch, 0), batch(3, epoch, 1)].slice(start);
    const model = net({ batchNorm: true });
    const optimiser = new MomentumSgd();
    const store = new MemoryStore();
    await fit({ ...options, batches, model, optimiser, checkpoints: { store, everySteps: 1 } });
    const again = net({ batchNorm: true });
    const fresh = new MomentumSgd();
    await fit({ ...options, batches, model: again, optimiser: fresh, resume: store.at(step) });
    expect(weightsOf(again)).toEqual(weightsOf(model));
    for (const owner of [model, again, optimiser, fresh]) owner.dispose();
  });
});

describe('several processes', () => {
  /** Trains D, with all that a step can have, on batches whose last micro-batch is smaller than the others. */
  const train = async (communicator: Communicator) => {
    const model = net({ configuration: 'D', batchNorm: true });
    const optimiser = new Muon();
    const store = new MemoryStore();
    const result = await fit({
      model,
      optimiser,
      batches: (epoch, start) => [batch(5, epoch, 0), batch(3, epoch, 1)].slice(start),
      microBatch: 2,
      epochs: 1,
      seed: 5,
      schedule: constant(0.01),
      cutMix: 0.5,
      clipNorm: 1,
      averageDecay: 0.5,
      communicator,
      checkpoints: { store },
    });
    const weights = weightsOf(model);
    for (const owner of [model, optimiser]) owner.dispose();
    return { result, weights, saved: store.saved };
  };

  it.each([2, 3, 5])('of which some may have no micro-batch train to the bits of one: %i', async (size) => {
    const alone = await train(singleProcess);
    const together = await Promise.all(memoryJob(size).map(train));
    for (const { weights, result } of together) {
      expect(weights).toEqual(alone.weights);
      expect(result).toEqual(alone.result);
    }
    // Rank 0 alone saves: weights, velocities and averages.
    expect(together.map(({ saved }) => saved)).toEqual([alone.saved, ...Array(size - 1).fill([])]);
  });
});

describe('batch norm', () => {
  it('is updated once per step by the mean over the micro-batches, weighted by their images', async () => {
    const model = net({ batchNorm: true, dropout: 0 });
    const all = batch(5);
    const statistic = async (images: ImageBatch) => {
      const sums = (await batchSums({ model, seed: 0, step: 0, microBatches: splitBatch(images, 100) }))!;
      const value = sums.statistics.get('bn1_1.mean')!.dataSync()[0]!;
      dispose([...sums.gradients.values(), ...sums.statistics.values()]);
      return value;
    };
    // The sums are weighted: the mean of 3 images times 3, plus the mean of 2 images times 2.
    const parts = splitBatch(all, 3).map((part) => statistic(part));
    const [three, two] = await Promise.all(parts);
    const optimiser = new MomentumSgd();
    await trainStep({ model, seed: 0, step: 0, microBatches: splitBatch(all, 3), optimiser, rate: 0 });
    const moved = model.variables.get('bn1_1.mean')!.dataSync()[0]!;
    expect(moved).toBeCloseTo((0.1 * (three! + two!)) / 5, 5);
    model.dispose();
    optimiser.dispose();
  });
});

describe('a step that diverges', () => {
  const step = async (change: (model: ReturnType<typeof net>, images: ImageBatch) => void) => {
    const model = net();
    const optimiser = new MomentumSgd();
    const images = batch(2);
    change(model, images);
    const before = weightsOf(model);
    const attempt = () =>
      trainStep({ model, seed: 0, step: 41, microBatches: splitBatch(images, 1), optimiser, rate: 0.1 }).catch(
        (error: unknown) => error as VggError,
      );
    const error = (await expectNoLeak(attempt)) as VggError;
    expect(weightsOf(model)).toEqual(before);
    model.dispose();
    return error;
  };
  const fill = (model: ReturnType<typeof net>, name: string, value: number) => {
    const variable = model.variables.get(name)!;
    tidy(() => variable.assign(tensorFill(variable.shape, value)));
  };

  it('names the layer whose output overflows', async () => {
    const error = await step((model) => fill(model, 'conv3_1.weight', 3e38));
    expect(error.message).toMatch(/^the loss is (NaN|Infinity) at step 41: the output of conv3_\d is not finite/);
    expect(error.code).toBe('VGG_NON_FINITE');
  });

  it('names the weight that is not finite', async () => {
    const error = await step((model) => fill(model, 'fc6.weight', Number.NaN));
    expect(error.message).toMatch(/at step 41: fc6\.weight is not finite/);
    expect(error.details).toEqual({ step: 41, layer: 'fc6.weight' });
  });

  it('distinguishes bad images from a bad net', async () => {
    const error = await step((_, images) => images.images.fill(Number.NaN, 7, 8));
    expect(error.message).toMatch(/an image of the batch holds a number that is not finite/);
  });
});

describe('fineTune', () => {
  it('trains a new last layer for other classes and leaves the convolutions unchanged', async () => {
    const model = net();
    const before = weightsOf(model);
    const { reason, step } = await fineTune({
      model,
      classes: 3,
      batches: () => [{ ...batch(4), labels: Int32Array.of(0, 1, 2, 2) }],
      epochs: 2,
    });
    expect([reason, step, model.options.classes]).toEqual(['complete', 2, 3]);
    const after = weightsOf(model);
    expect(after['fc8.bias']).toHaveLength(3);
    expect(after['fc6.weight']).not.toEqual(before['fc6.weight']);
    for (const name of Object.keys(before).filter((name) => name.startsWith('conv'))) {
      expect(after[name]).toEqual(before[name]);
    }
    model.dispose();
  });

  it('trains everything if no layer is frozen', async () => {
    const model = net({ batchNorm: true });
    const before = weightsOf(model);
    await fineTune({ model, classes: 4, freeze: [], batches: () => [batch(4)], epochs: 1 });
    expect(weightsOf(model)['conv1_1.weight']).not.toEqual(before['conv1_1.weight']);
    model.dispose();
  });
});

describe('a checkpoint of a net of rectangles', () => {
  it('is refused for the other orientation, whose variables have the same shapes', async () => {
    const store = new MemoryStore();
    const wide = net({ inputSize: [32, 64] });
    const tall = net({ inputSize: [64, 32] });
    const images = new Float32Array(2 * 32 * 64 * 3);
    const batches = () => [{ images, labels: Int32Array.of(0, 1), size: 2, height: 32, width: 64 }];
    await fit({
      model: wide,
      optimiser: new MomentumSgd(),
      schedule: constant(0.01),
      batches,
      epochs: 1,
      seed: 1,
      microBatch: 2,
      checkpoints: { store },
    });
    const saved = store.saved.at(-1)!;
    const before = weightsOf(tall);
    expect(() => restoreCheckpoint(saved, tall)).toThrow(
      'checkpoint: it is of a net with inputs of 32x64 (height x width), expected 64x32',
    );
    expect(weightsOf(tall)).toEqual(before);
    restoreCheckpoint(saved, wide);
    for (const model of [wide, tall]) model.dispose();
  });
});
