/** Own nets, whose variables may have any names. */
import './backend';
import { mul, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';
import { AdamW, constant, MomentumSgd, Muon, type Optimiser } from '@vgg/optim';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, type ForwardOptions, fit, restoreCheckpoint, type TrainableNet } from '../src/index';
import { MemoryStore, ToyNet, toyBatches, weightsOf } from './toy';

/** Toy net whose weight and bias have other names. */
class NamedNet implements TrainableNet {
  readonly options = { classes: 4 };
  readonly variables: TrainableNet['variables'];
  readonly taps: (readonly string[])[] = [];
  readonly #net: ToyNet;
  readonly #factor: number;

  constructor([weight, bias]: readonly [string, string], { seed = 0, factor = 1 } = {}) {
    this.#net = new ToyNet({ batchNorm: false, seed });
    this.#factor = factor;
    const { variables } = this.#net;
    this.variables = new Map([
      [weight, variables.get('fc8.weight')!],
      [bias, variables.get('fc8.bias')!],
    ]);
  }

  get trainable() {
    return this.variables;
  }

  apply(images: Tensor4D, options: ForwardOptions = {}) {
    if (options.taps !== undefined) this.taps.push(options.taps);
    const { logits, batchStatistics } = this.#net.apply(images, options);
    return { logits: mul(logits, this.#factor) as Tensor2D, batchStatistics };
  }

  updateStatistics(): void {}

  dispose(): void {
    this.#net.dispose();
  }
}

async function train(model: NamedNet, optimiser: Optimiser, resume?: Checkpoint) {
  const store = new MemoryStore();
  try {
    await fit({
      model,
      optimiser,
      batches: toyBatches(),
      microBatch: 4,
      schedule: constant(0.01),
      epochs: 1,
      seed: 11,
      averageDecay: 0.9,
      restoreBest: true,
      checkpoints: { store, everySteps: 1 },
      resume,
    });
    return { weights: weightsOf(model), store };
  } finally {
    model.dispose();
    optimiser.dispose();
  }
}

const OPTIMISERS: [string, () => Optimiser][] = [
  ['MomentumSgd', () => new MomentumSgd()],
  ['AdamW', () => new AdamW()],
  ['Muon', () => new Muon()],
];

describe.each([
  [['dense/kernel', 'dense/bias'] as const],
  // The name of the one ends with that of the other.
  [['b/a/kernel', 'a/kernel'] as const],
  [['kernel', 'a/kernel'] as const],
])('a net with the variables %j', (names) => {
  it.each(OPTIMISERS)('is resumed to the bit with %s', async (_, optimiser) => {
    const whole = await train(new NamedNet(names), optimiser());
    const resumed = await train(new NamedNet(names, { seed: 5 }), optimiser(), whole.store.at(2));
    expect(resumed.weights).toEqual(whole.weights);
  });

  it('refuses a checkpoint with a velocity of another shape', async () => {
    const { state, tensors } = (await train(new NamedNet(names), new AdamW())).store.at(2);
    const weight = tensors.get(`velocity/squares/${names[0]}`)!;
    const other = new Map([...tensors, [`velocity/squares/${names[1]}`, weight]]);
    const model = new NamedNet(names);
    expect(() => restoreCheckpoint({ state, tensors: other }, model)).toThrow(
      `checkpoint: velocity/squares/${names[1]} of shape [12,4] fits no variable: it is of another net`,
    );
    model.dispose();
  });
});

it('a loss that is not finite asks an own net only for layers that its names show', async () => {
  const attempt = async (names: readonly [string, string]) => {
    const model = new NamedNet(names, { factor: Number.POSITIVE_INFINITY });
    await expect(train(model, new MomentumSgd())).rejects.toThrow(/the loss is NaN at step 0/);
    return model.taps;
  };
  expect(await attempt(['dense/kernel', 'bias'])).toEqual([[], []]);
  expect(await attempt(['fc8.weight', 'bias'])).toEqual([['fc8'], ['fc8']]);
});
