/** The weights that a run leaves in the net. */
import './backend';
import { constant, MomentumSgd } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { expect, it } from 'vitest';
import { type FitOptions, fit } from '../src/index';
import { MemoryStore, numbersOf, ToyNet, toyBatches, weightsOf } from './toy';

const ERRORS = [40, 10, 30, 20, 20];

async function run(options: Partial<FitOptions>, model = new ToyNet()) {
  const store = new MemoryStore();
  const optimiser = new MomentumSgd();
  let epoch = options.resume?.state.epoch ?? 0;
  const result = await fit({
    model,
    batches: toyBatches(),
    microBatch: 4,
    optimiser,
    schedule: constant(0.05),
    epochs: ERRORS.length,
    seed: 3,
    validate: async () => ({ samples: 1, loss: 0, top1: ERRORS[epoch++]!, top5: 0 }),
    checkpoints: { store },
    ...options,
  });
  optimiser.dispose();
  const weights = weightsOf(model);
  model.dispose();
  return { result, weights, store };
}

it('are the last ones, with restoreBest those of the best epoch, after early stopping too', async () => {
  await expectNoLeak(async () => {
    const { weights: last, store } = await run({});
    const best = Object.fromEntries(
      Object.keys(last).map((name) => [name, numbersOf(store.at(6).tensors.get(`model/${name}`))]),
    );
    const restored = await run({ restoreBest: true });
    expect(restored.result.best).toMatchObject({ epoch: 1, metric: 10 });
    expect(restored.weights).toEqual(best);
    expect(restored.weights).not.toEqual(last);
    const stopped = await run({ restoreBest: true, earlyStop: 2 });
    expect(stopped.result).toMatchObject({ reason: 'early-stop', epoch: 4 });
    expect(stopped.weights).toEqual(best);
  });
});

it('are the same after the run was resumed', async () => {
  const whole = await run({ restoreBest: true });
  const resumed = await run({ restoreBest: true, resume: whole.store.at(9) });
  expect(resumed.weights).toEqual(whole.weights);
  const plain = await run({});
  await expect(run({ restoreBest: true, resume: plain.store.at(9) })).rejects.toThrow(/does not keep its best weights/);
});

it('are the averaged ones of the best epoch if weights are averaged', async () => {
  const averaged = await run({ restoreBest: true, averageDecay: 0.9 });
  const best = Object.keys(averaged.weights).map((name) =>
    numbersOf(averaged.store.at(6).tensors.get(`average/${name}`)),
  );
  expect(Object.values(averaged.weights)).toEqual(best);
});

it('are the only tensors left of a resumed run that fails at its start', async () => {
  const options = { restoreBest: true, averageDecay: 0.9 };
  const { store } = await run(options);
  const model = new ToyNet();
  const optimiser = new MomentumSgd();
  const fail = () => {
    throw new Error('start');
  };
  await expectNoLeak(async () => {
    await expect(
      fit({
        model,
        batches: toyBatches(),
        microBatch: 4,
        optimiser,
        schedule: constant(0.05),
        epochs: 9,
        seed: 3,
        resume: store.at(9),
        onEvent: fail,
        ...options,
      }),
    ).rejects.toThrow('start');
    optimiser.dispose();
  });
  model.dispose();
});
