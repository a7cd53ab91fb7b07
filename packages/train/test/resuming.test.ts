/** Resumed runs: the bits of undisturbed ones. */
import './backend';
import { plateau } from '@vgg/optim';
import { describe, expect, it } from 'vitest';
import { ToyNet, weightsOf } from './toy';
import { run, throughJson, validation } from './toy-run';

describe('resuming', () => {
  // Six steps in two epochs. The metric gets worse each time, so that the patience counts. Every place to stop is tried.
  const schedule = plateau({ rate: 0.05, patience: 1, divisor: 2 });
  const options = (net: ToyNet) => ({ schedule, validate: validation(net) });
  const whole = async () => {
    const net = new ToyNet();
    return await run({ ...options(net), epochs: 4 }, net);
  };

  it('has exactly the weights of an uninterrupted run, from the end or the middle of any epoch', async () => {
    const undisturbed = await whole();
    expect(undisturbed.store.saved.length).toBe(16);
    for (const saved of undisturbed.store.saved) {
      const net = new ToyNet({ seed: 5 });
      const resumed = await run({ ...options(net), epochs: 4, resume: throughJson(saved) }, net);
      expect(resumed.weights).toEqual(undisturbed.weights);
      expect(resumed.velocities).toEqual(undisturbed.velocities);
      expect(resumed.store.saved.at(-1)?.state ?? saved.state).toEqual(undisturbed.store.saved.at(-1)!.state);
    }
  });

  it('continues after an interruption inside a step with the same result', async () => {
    const undisturbed = await whole();
    const controller = new AbortController();
    const net = new ToyNet();
    // The second micro-batch of the fifth step is the last to be computed; its step is abandoned and computed again later.
    const interrupted = await run(
      {
        ...options(net),
        epochs: 4,
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'micro-batch' && event.step === 4 && event.done === 2) controller.abort();
        },
      },
      net,
    );
    expect(interrupted.result).toMatchObject({ reason: 'interrupted', epoch: 1, step: 4 });
    expect(interrupted.events.at(-2)).toEqual({ type: 'checkpoint', step: 4, name: 'step-4' });
    const fresh = new ToyNet({ seed: 5 });
    const resumed = await run({ ...options(fresh), epochs: 4, resume: interrupted.store.saved.at(-1)! }, fresh);
    expect(resumed.events[0]).toEqual({ type: 'start', epoch: 1, batch: 1, step: 4, resumed: true });
    expect(resumed.weights).toEqual(undisturbed.weights);
    expect(resumed.velocities).toEqual(undisturbed.velocities);
  });

  it('repeats a validation that was interrupted', async () => {
    const undisturbed = await whole();
    const controller = new AbortController();
    const net = new ToyNet();
    const { result, store } = await run(
      {
        ...options(net),
        validate: async () => {
          controller.abort();
          return undefined;
        },
        signal: controller.signal,
      },
      net,
    );
    expect(result).toMatchObject({ reason: 'interrupted', epoch: 0, step: 3 });
    const fresh = new ToyNet();
    const resumed = await run({ ...options(fresh), epochs: 4, resume: store.saved.at(-1)! }, fresh);
    expect(resumed.weights).toEqual(undisturbed.weights);
  });

  it('does nothing if the run is complete', async () => {
    const { store, weights } = await run({ epochs: 1 });
    const again = await run({ epochs: 1, resume: store.saved.at(-1)! }, new ToyNet({ seed: 5 }));
    expect(again.events.map(({ type }) => type)).toEqual(['start', 'end']);
    expect(again.weights).toEqual(weights);
  });

  it.each([
    ['another seed', { seed: 12 }, new ToyNet(), /seed 11, got 12/],
    ['another net', {}, new ToyNet({ classes: 5 }), /fc8\.weight should have shape \[12,5\], got shape \[12,4\]/],
    ['a smaller net', {}, new ToyNet({ batchNorm: false }), /bn1_1\.scale of shape \[12\] fits no variable/],
  ])('refuses a checkpoint of %s and leaves the net unchanged', async (_, options, net, message) => {
    const { store } = await run({ epochs: 1 });
    const before = weightsOf(net);
    const attempt = run({ ...options, resume: store.saved[0]! }, net);
    await expect(attempt).rejects.toThrow(message);
    expect(weightsOf(net)).toEqual(before);
  });
});
