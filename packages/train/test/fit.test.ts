import './backend';
import { constant, cosine, MomentumSgd, plateau } from '@vgg/optim';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, type FitOptions, fit, restoreCheckpoint, type TrainEvent } from '../src/index';
import { numbersOf, ToyNet, toyBatch, toyBatches, weightsOf } from './toy';
import { run, throughJson, validation } from './toy-run';

describe('fit', () => {
  it('learns, sends events in order, and leaks nothing', async () => {
    const { result, events } = await expectNoLeak(() => {
      const net = new ToyNet();
      return run({ validate: validation(net), epochs: 12 }, net);
    });
    expect(result).toMatchObject({ reason: 'complete', epoch: 12, step: 36 });
    const epochs = events.flatMap((event) => (event.type === 'epoch' ? [event] : []));
    expect(epochs.at(-1)!.training.loss).toBeLessThan(0.7 * epochs[0]!.training.loss);
    expect(epochs.at(-1)!.validation!.samples).toBe(20);
    const first = events.slice(0, events.findIndex(({ type }) => type === 'epoch') + 2).map(({ type }) => type);
    const three = Array<string>(3).fill('micro-batch');
    const two = Array<string>(2).fill('micro-batch');
    expect(first).toEqual([
      ...['start', ...three, 'step', 'checkpoint', ...three, 'step', 'checkpoint'],
      ...[...two, 'step', 'checkpoint', 'epoch', 'checkpoint'],
    ]);
    expect(events.at(-1)).toEqual({ type: 'end', reason: 'complete', epoch: 12, step: 36 });
  });

  it('validates the last epoch if schedule or steps end with it', async () => {
    const net = new ToyNet();
    const endings = [{ schedule: cosine({ rate: 0.05, steps: 6 }) }, { maxSteps: 6, epochs: 9 }];
    for (const ending of endings) {
      const { events } = await run({ validate: validation(net), ...ending }, new ToyNet());
      expect(events.filter(({ type }) => type === 'epoch')).toHaveLength(2);
    }
    net.dispose();
  });

  it('sends metrics that add up', async () => {
    const { events } = await run({ epochs: 1 });
    const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
    const epoch = events.find((event) => event.type === 'epoch')!;
    expect(steps.map(({ samples }) => samples)).toEqual([8, 8, 5]);
    const total = steps.reduce((sum, { samples, metrics }) => sum + samples * metrics.top1, 0);
    expect(epoch.training.top1).toBeCloseTo(total / 21, 10);
    expect(steps[2]!.running).toEqual(epoch.training);
    expect(steps.every(({ imagesPerSecond, gradientNorm }) => imagesPerSecond > 0 && gradientNorm > 0)).toBe(true);
  });

  it('has the same weights for the same seed and others for another', async () => {
    const one = await run();
    const same = await run();
    const other = await run({ seed: 12 });
    expect(same.weights).toEqual(one.weights);
    expect(other.weights['fc8.weight']).not.toEqual(one.weights['fc8.weight']);
  });

  it('has nearly the same weights for any micro-batch without dropout', async () => {
    const weights = async (microBatch: number) =>
      (await run({ microBatch }, new ToyNet({ dropout: 0, batchNorm: false }))).weights['fc8.weight']!;
    const whole = await weights(8);
    for (const microBatch of [1, 3, 5, 100]) {
      expect(await weights(microBatch)).toBeAllclose(whole, { rtol: 1e-5, atol: 1e-6 });
    }
  });
});

describe('validation every n epochs', () => {
  const inTurns = (net: ToyNet, epochs: number) => ({ validate: validation(net), validateEvery: 2, epochs });
  const epochsOf = (events: TrainEvent[]) => events.flatMap((event) => (event.type === 'epoch' ? [event] : []));

  it('comes every n epochs and after the last, and only these can be the best', async () => {
    const top1 = [50, 40, 45];
    const validate = async () => ({ samples: 1, loss: 1, top1: top1.shift()!, top5: 0 });
    const { result, events } = await run({ validate, validateEvery: 2, epochs: 5 });
    const epochs = epochsOf(events);
    expect(epochs.map(({ validation }) => validation?.top1)).toEqual([undefined, 50, undefined, 40, 45]);
    expect(epochs.map(({ best }) => best)).toEqual([false, true, false, true, false]);
    expect(result).toMatchObject({ best: { epoch: 3, step: 12, metric: 40 }, validation: { top1: 45 } });
  });

  it('comes after an epoch that ends the run by steps or schedule', async () => {
    const endings = [{ schedule: cosine({ rate: 0.05, steps: 9 }) }, { maxSteps: 9 }];
    for (const ending of endings) {
      const net = new ToyNet();
      const { events } = await run({ ...inTurns(net, 9), ...ending }, net);
      expect(epochsOf(events).map(({ validation }) => validation !== undefined)).toEqual([false, true, true]);
    }
  });

  it('decides which training metrics count if there is no validation', async () => {
    const { events, result } = await run({ validateEvery: 3, epochs: 4 });
    expect(
      epochsOf(events)
        .map(({ best }) => best)
        .slice(0, 3),
    ).toEqual([false, false, true]);
    expect(result.best!.epoch).toBeGreaterThan(1);
  });

  it('is the unit of early stopping and of the plateau schedule', async () => {
    const top1 = [50, 40, 41, 42, 43];
    const validate = async () => ({ samples: 1, loss: 1, top1: top1.shift()!, top5: 0 });
    const schedule = plateau({ rate: 1, patience: 2, divisor: 2 });
    const { result, events } = await run({ validate, validateEvery: 3, epochs: 99, earlyStop: 3, schedule });
    expect(result).toMatchObject({ reason: 'early-stop', epoch: 15, best: { epoch: 5 } });
    // The second validation after the best, that of the twelfth epoch, halves the rate.
    expect(epochsOf(events).map(({ rate }) => rate)).toEqual([...Array(11).fill(1), ...Array(4).fill(0.5)]);
  });

  it('gives the same run to the bit wherever it is resumed', async () => {
    const schedule = plateau({ rate: 0.05, patience: 1, divisor: 2 });
    const net = new ToyNet();
    const whole = await run({ ...inTurns(net, 5), schedule }, net);
    for (const saved of whole.store.saved) {
      const fresh = new ToyNet({ seed: 5 });
      const resumed = await run({ ...inTurns(fresh, 5), schedule, resume: throughJson(saved) }, fresh);
      expect(resumed.weights).toEqual(whole.weights);
      expect(resumed.store.saved.at(-1)?.state ?? saved.state).toEqual(whole.store.saved.at(-1)!.state);
    }
  });
});

describe('averaged weights', () => {
  const averaged = { averageDecay: 0.8, epochs: 3 };
  const finalOf = (checkpoint: Checkpoint) => {
    const net = new ToyNet({ seed: 3 });
    restoreCheckpoint(checkpoint, net);
    return weightsOf(net);
  };

  it('are validated, decide the best and are left in the net, while training continues with the weights', async () => {
    const seen: Record<string, number[]>[] = [];
    const plain = await run({ epochs: 3 });
    const { weights, velocities, store } = await expectNoLeak(async () => {
      const net = new ToyNet();
      const validate = async () => {
        seen.push(weightsOf(net));
        return { samples: 1, loss: 1, top1: 50, top5: 0 };
      };
      return await run({ ...averaged, validate }, net);
    });
    expect(velocities).toEqual(plain.velocities);
    expect(seen.map((at) => at['fc8.weight'])).not.toContainEqual(plain.weights['fc8.weight']);
    expect(seen.at(-1)).toEqual(weights);
    const last = store.saved.at(-1)!;
    expect(finalOf(last)).toEqual(weights);
    const trained = new ToyNet({ seed: 3 });
    restoreCheckpoint(last, trained, { optimiser: new MomentumSgd() });
    expect(weightsOf(trained)).toEqual(plain.weights);
    trained.dispose();
  });

  it('are computed from the weights and statistics of every step', async () => {
    const { store, weights } = await run({ ...averaged, epochs: 1 });
    // d = 0, then 2/11, then 3/12, all below the decay: of three steps 2/11·3/12, 9/11·3/12 and 9/12.
    const share = [(2 / 11) * (3 / 12), (9 / 11) * (3 / 12), 9 / 12];
    const steps = [1, 2, 3].map((step) => store.at(step).tensors);
    for (const name of ['fc8.weight', 'bn1_1.mean']) {
      const values = steps.map((tensors) => numbersOf(tensors.get(`model/${name}`)));
      const expected = values[0]!.map((_, i) => share.reduce((sum, part, k) => sum + part * values[k]![i]!, 0));
      expect(weights[name]).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-6 });
    }
  });

  it('are the same to the bit wherever the run is resumed', async () => {
    const whole = await run(averaged);
    for (const saved of whole.store.saved) {
      const resumed = await run({ ...averaged, resume: throughJson(saved) }, new ToyNet({ seed: 5 }));
      expect(resumed.weights).toEqual(whole.weights);
      expect(resumed.velocities).toEqual(whole.velocities);
    }
  });

  it('are used by all sessions of a run or by none', async () => {
    const without = await run({ epochs: 1 });
    const within = await run({ ...averaged, epochs: 1 });
    const resumed = (resume: Checkpoint, options: Partial<FitOptions>) =>
      expect(run({ epochs: 2, ...options, resume })).rejects.toThrow;
    await resumed(without.store.saved[0]!, { averageDecay: 0.8 })(/does not average its weights: resume it without/);
    await resumed(within.store.saved[0]!, {})(/averages its weights: resume it with averageDecay/);
    await expect(run({ averageDecay: 1 })).rejects.toThrow(/below 1, got 1/);
  });
});

describe('clipping, smoothing, mixing and freezing', () => {
  it('resume to the bit', async () => {
    const options = { clipNorm: 0.3, labelSmoothing: 0.1, cutMix: 0.5, epochs: 2 };
    const frozen = (seed?: number) => {
      const net = new ToyNet(seed === undefined ? {} : { seed });
      net.frozen.add('fc8.bias');
      return net;
    };
    const whole = await run(options, frozen());
    expect(whole.weights['fc8.bias']).toEqual([0, 0, 0, 0]);
    expect(whole.weights).not.toEqual((await run({ epochs: 2 }, frozen())).weights);
    for (const saved of whole.store.saved) {
      expect((await run({ ...options, resume: throughJson(saved) }, frozen(5))).weights).toEqual(whole.weights);
    }
  });

  it('limit the update by one batch', async () => {
    // Without momentum and decay a step is rate · gradient, whose norm is at most rate · clipNorm.
    const net = new ToyNet({ batchNorm: false });
    const before = weightsOf(net);
    const optimiser = new MomentumSgd({ momentum: 0, weightDecay: 0 });
    const { weights, events } = await run(
      { optimiser, clipNorm: 0.01, schedule: constant(2), maxSteps: 1, microBatch: 8 },
      net,
    );
    const moved = Object.keys(before).flatMap((name) => before[name]!.map((value, i) => value - weights[name]![i]!));
    expect(Math.hypot(...moved)).toBeCloseTo(0.02, 6);
    expect(events.find((event) => event.type === 'step')!.gradientNorm).toBeGreaterThan(0.01);
  });
});

describe('ending', () => {
  it('comes by early stopping, resumed or not', async () => {
    const errors = [50, 40, 41, 40, 39, 39, 60, 39, 10];
    const validate = (from = 0) => {
      const rest = errors.slice(from);
      return async () => ({ samples: 1, loss: 1, top1: rest.shift()!, top5: 0 });
    };
    const whole = await run({ epochs: 99, earlyStop: 3, validate: validate() });
    expect(whole.result).toMatchObject({ reason: 'early-stop', epoch: 8, best: { epoch: 4, metric: 39 } });
    for (const epochs of [5, 6, 7]) {
      const resume = whole.store.at(epochs * 3 + 1);
      const resumed = await run({ epochs: 99, earlyStop: 3, validate: validate(epochs), resume });
      expect(resumed.result).toMatchObject({ reason: 'early-stop', epoch: 8, step: 24 });
    }
    const ended = await run({ epochs: 99, earlyStop: 3, resume: whole.store.saved.at(-1)! });
    expect(ended.events.map(({ type }) => type)).toEqual(['start', 'end']);
    await expect(run({ earlyStop: 0 })).rejects.toThrow(/earlyStop to be an integer of at least 1, got 0/);
  });

  it('comes with the end of the schedule', async () => {
    const schedule = plateau({ rate: 1e-30, patience: 1, drops: 1 });
    // The rate is too small to change a weight: epoch 1 sets the best, epoch 2 drops the rate, epoch 3 ends the run.
    const net = new ToyNet();
    const { result } = await run({ schedule, epochs: 99, validate: validation(net) }, net);
    expect(result).toMatchObject({ reason: 'schedule', epoch: 3, step: 9, best: { epoch: 0, step: 3 } });
  });

  it('comes after maxSteps, in the middle of an epoch', async () => {
    const { result, store } = await run({ maxSteps: 4, checkpoints: undefined as never });
    expect(result).toMatchObject({ reason: 'complete', epoch: 1, step: 4 });
    expect(store.saved).toEqual([]);
  });

  it('comes at once if the signal is aborted before the first step, with a checkpoint', async () => {
    const { result, store } = await run({ signal: AbortSignal.abort() });
    expect(result).toMatchObject({ reason: 'interrupted', step: 0 });
    expect(store.saved.map(({ state }) => state.step)).toEqual([0]);
  });

  it('lets timers run between micro-batches', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 0);
    await run({ epochs: 3 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });
});

describe('failures', () => {
  it('stop the run at a loss that is not finite and name the step', async () => {
    const batches = async function* (epoch: number, start: number) {
      for await (const batch of toyBatches()(epoch, start)) {
        if (epoch === 1) batch.images[3] = Number.POSITIVE_INFINITY;
        yield batch;
      }
    };
    await expect(run({ batches })).rejects.toMatchObject({ code: 'VGG_NON_FINITE', details: { step: 3 } });
  });

  it('include a warning about a net that learns nothing', async () => {
    const batches = async function* (_: number, start: number) {
      for (let i = start; i < 6; i++) yield { ...toyBatch(8, i), images: new Float32Array(8 * 12) };
    };
    const { events } = await run({ batches, epochs: 1, stallWindow: 3, schedule: constant(1e-6) });
    const stalls = events.filter(({ type }) => type === 'stall');
    expect(stalls).toHaveLength(1);
    expect(stalls[0]).toMatchObject({ step: 3, message: expect.stringMatching(/ln\(4\) for 3 steps/) });
  });

  it.each<[string, Partial<FitOptions>, RegExp]>([
    ['no batches', { batches: () => [] }, /at least one batch in epoch 0/],
    ['a micro-batch of 0', { microBatch: 0 }, /microBatch to be an integer of at least 1, got 0/],
    ['0 epochs', { epochs: 0 }, /epochs to be an integer of at least 1, got 0/],
    ['validation every 0 epochs', { validateEvery: 0 }, /validateEvery to be an integer of at least 1, got 0/],
    ['half a step', { maxSteps: 0.5 }, /maxSteps .* got 0.5/],
    [
      'a label outside the classes',
      { batches: () => [{ ...toyBatch(2), labels: Int32Array.of(0, 4) }] },
      /from 0 to 3, got 4/,
    ],
    [
      'a batch with pixels missing',
      { batches: () => [{ ...toyBatch(2), images: new Float32Array(5) }] },
      /got 5 numbers and 2 labels$/,
    ],
    [
      'a batch of other channels than it says',
      { batches: () => [{ ...toyBatch(2), images: new Float32Array((toyBatch(2).images.length * 4) / 3) }] },
      /: set its channels to 4$/,
    ],
    ['an empty batch', { batches: () => [toyBatch(0)] }, /at least one image/],
    [
      'a checkpoint of another kind of schedule',
      { resume: { state: { version: 1, seed: 11, schedule: null } } as unknown as Checkpoint, schedule: plateau() },
      /run has another kind of schedule/,
    ],
    ['a checkpoint of the future', { resume: { state: { version: 2 } } as unknown as Checkpoint }, /version 1, got 2/],
  ])('include %s', async (_, options, message) => {
    const model = new ToyNet();
    const optimiser = new MomentumSgd();
    await expectNoLeak(() =>
      expect(
        fit({
          model,
          optimiser,
          batches: toyBatches(),
          microBatch: 3,
          schedule: constant(1),
          epochs: 1,
          seed: 11,
          ...options,
        }),
      ).rejects.toThrow(message),
    );
  });
});
