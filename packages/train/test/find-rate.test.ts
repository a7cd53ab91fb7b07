import './backend';
import { mean, square, sub } from '@tensorflow/tfjs-core';
import { MomentumSgd } from '@vgg/optim';
import { describe, expect, it } from 'vitest';
import { crossEntropy, type FindRateOptions, findRate, type LossFunction, rateChart, suggestRate } from '../src/index';
import { ToyNet, toyBatches } from './toy';

describe('suggestRate', () => {
  it('returns a third of the rate with the lowest loss', () => {
    // Flat at 2, then falling by 0.1 a step between 1e-3 and 1e-2, then rising.
    const steps = Array.from({ length: 61 }, (_, i) => {
      const rate = 1e-5 * 10 ** (i / 12);
      const loss = i < 24 ? 2 : i < 40 ? 2 - 0.1 * (i - 24) : 0.4 + 0.5 * (i - 40);
      return { rate, loss };
    });
    const suggested = suggestRate(steps);
    expect(suggested).toBeGreaterThan(1e-3);
    expect(suggested).toBeLessThan(2.5e-2);
    // Noise of the first steps, which fall fastest, does not count.
    expect(suggestRate(steps.map(({ rate, loss }, i) => ({ rate, loss: i === 0 ? 4 : loss })))).toBe(suggested);
    const chart = rateChart(steps, suggested);
    expect(chart).toMatch(/^<svg .*viewBox="0 0 640 400"/);
    expect(chart).toMatch(/1e-4/);
    expect(chart).not.toMatch(/NaN|Infinity/);
  });
});

describe('findRate', () => {
  const trial = async (highest: number, options: Partial<FindRateOptions> = {}) => {
    const model = new ToyNet({ dropout: 0 });
    const optimiser = new MomentumSgd();
    let seen = 0;
    try {
      const losses = await findRate({
        model,
        optimiser,
        batches: toyBatches(),
        microBatch: 4,
        seed: 1,
        lowest: 1e-4,
        highest,
        steps: 21,
        onStep: ({ length }) => {
          seen = length;
        },
        ...options,
      });
      expect(seen).toBe(losses.length);
      return losses;
    } finally {
      model.dispose();
      optimiser.dispose();
    }
  };

  it('raises the rate by the same factor from the lowest to the highest', async () => {
    const losses = await trial(1e-2);
    expect(losses).toHaveLength(21);
    expect(losses[0]!.rate).toBeCloseTo(1e-4, 12);
    expect(losses[10]!.rate).toBeCloseTo(1e-3, 12);
    expect(losses[20]!.rate).toBeCloseTo(1e-2, 12);
  });

  it('ends when the loss diverges', async () => {
    const losses = await trial(1e6);
    expect(losses.length).toBeLessThan(21);
    expect(suggestRate(losses)).toBeLessThan(1e3);
  });

  it.each([
    [{ steps: 1 }, /expected steps to be an integer of at least 2, got 1/],
    [{ steps: 2.5 }, /expected steps to be an integer of at least 2, got 2.5/],
    [{ lowest: 0 }, /expected rates with 0 < lowest < highest, got 0 and 0.01/],
    [{ lowest: 0.01 }, /expected rates with 0 < lowest < highest, got 0.01 and 0.01/],
    [{ highest: Number.NaN }, /expected rates with 0 < lowest < highest, got 0.0001 and NaN/],
    [{ highest: Number.POSITIVE_INFINITY }, /expected rates with 0 < lowest < highest, got 0.0001 and Infinity/],
  ])('refuses %j', async (options, message) => {
    await expect(trial(1e-2, options)).rejects.toThrow(message);
  });

  it('takes the loss and the class weights of the run', async () => {
    const losses = async (options: Partial<FindRateOptions>) => (await trial(1e-3, options)).map(({ loss }) => loss);
    const weights = [1, 2, 3, 4];
    const weighted = await losses({ classWeights: weights });
    expect(weighted).not.toEqual(await losses({}));
    expect(await losses({ loss: crossEntropy({ classWeights: weights }) })).toEqual(weighted);
  });

  it('does not take a loss below zero for one that diverges', async () => {
    const loss: LossFunction = (logits) => sub(mean(square(logits)), 1e6);
    expect(await trial(1e-3, { loss })).toHaveLength(21);
  });
});
