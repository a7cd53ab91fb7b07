import './backend';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { addTotals, countErrors, meanOf, NO_SAMPLES, splitBatch, validate } from '../src/index';
import { ToyNet, toyBatch } from './toy';

describe('countErrors', () => {
  it('counts labels that are not first, and not among the first five', () => {
    // Ranks of the labels: 0, 4 (four scores are greater) and 5.
    const scores = [9, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0];
    expect(countErrors(scores, [0, 4, 5])).toEqual({ top1: 2, top5: 1 });
  });

  it('ranks the lower class first in a tie, so that a net with equal scores is wrong', () => {
    expect(countErrors(new Float32Array(20), [0, 9])).toEqual({ top1: 1, top5: 1 });
  });

  it('counts a NaN score as wrong', () => {
    const scores = [1, 2, Number.NaN];
    expect(countErrors(scores, [2])).toEqual({ top1: 1, top5: 0 });
    expect(countErrors(Array<number>(10).fill(Number.NaN), [0])).toEqual({ top1: 1, top5: 1 });
  });
});

describe('totals', () => {
  it('add up and are converted to means and percentages', () => {
    const totals = addTotals({ samples: 3, loss: 6, top1: 2, top5: 1 }, { samples: 1, loss: 2, top1: 0, top5: 0 });
    expect(meanOf(totals)).toEqual({ loss: 2, top1: 50, top5: 25 });
    expect(meanOf(NO_SAMPLES).loss).toBeNaN();
  });
});

describe('splitBatch', () => {
  it('returns full micro-batches and a short last one, each with its index', () => {
    const batch = toyBatch(7);
    const parts = splitBatch(batch, 3);
    expect(parts.map(({ size, index }) => [size, index])).toEqual([
      [3, 0],
      [3, 1],
      [1, 2],
    ]);
    expect(parts.flatMap(({ labels }) => [...labels!])).toEqual([...batch.labels]);
    expect(parts.flatMap(({ images }) => [...images])).toEqual([...batch.images]);
  });
});

describe('validate', () => {
  it('gives every image the same weight in any batch, and leaks nothing', async () => {
    const model = new ToyNet();
    const parts = [toyBatch(8, 1), toyBatch(3, 2)];
    const seen: number[] = [];
    const all = await expectNoLeak(() =>
      validate({ model, batches: parts, onProgress: (images) => seen.push(images) }),
    );
    const [eight, three] = [
      await validate({ model, batches: [parts[0]!] }),
      await validate({ model, batches: [parts[1]!] }),
    ];
    expect(seen).toEqual([8, 11]);
    expect(all!.samples).toBe(11);
    for (const measure of ['loss', 'top1', 'top5'] as const) {
      expect(all![measure]).toBeCloseTo((8 * eight![measure] + 3 * three![measure]) / 11, 5);
    }
  });

  it('passes each batch with its class scores to onScores', async () => {
    const model = new ToyNet({ classes: 4 });
    const parts = [toyBatch(8, 1), toyBatch(3, 2)];
    const seen: { batch: unknown; scores: number }[] = [];
    await validate({ model, batches: parts, onScores: (batch, { length }) => seen.push({ batch, scores: length }) });
    expect(seen).toEqual([
      { batch: parts[0], scores: 32 },
      { batch: parts[1], scores: 12 },
    ]);
  });

  it('stops between batches if the signal is aborted', async () => {
    const controller = new AbortController();
    const batches = [toyBatch(2), toyBatch(2)];
    const result = validate({
      model: new ToyNet(),
      batches,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(await result).toBeUndefined();
  });

  it('refuses no batches and invalid ones', async () => {
    const model = new ToyNet();
    await expect(validate({ model, batches: [] })).rejects.toThrow(/at least one batch/);
    await expect(validate({ model, batches: [toyBatch(0)] })).rejects.toThrow(/at least one image/);
    const labels = Int32Array.of(4);
    await expectNoLeak(() =>
      expect(validate({ model, batches: [{ ...toyBatch(1), labels }] })).rejects.toThrow(/got 4/),
    );
  });
});
