import './backend';
import { engine, type Tensor, tensor1d } from '@tensorflow/tfjs-core';
import type { VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { assertFinite, clipScale, globalNorm } from '../src/index';
import clipping from './fixtures/clipping.json';

const set = (entries: Record<string, number[]>) =>
  new Map<string, Tensor>(Object.entries(entries).map(([name, values]) => [name, tensor1d(values)]));

describe('globalNorm and clipScale', () => {
  it('treat all tensors as one vector', async () => {
    // sqrt(3² + 4² + 12²) = 13
    const gradients = set({ a: [3, 4], b: [12] });
    expect(await expectNoLeak(() => globalNorm(gradients))).toBeCloseTo(13, 5);
    expect(await globalNorm(new Map())).toBe(0);
  });

  it('need the memory of one more tensor, not of all', async () => {
    const gradients = set({ a: Array(1000).fill(1), b: Array(1000).fill(1), c: Array(1000).fill(1) });
    const before = engine().state.numBytes;
    const { peakBytes } = await engine().profile(() => void globalNorm(gradients));
    expect(peakBytes - before).toBeLessThan(1100 * 4);
  });

  it('scale down a norm that is too large and no other', () => {
    expect(clipScale(13, 6.5)).toBe(0.5);
    expect(clipScale(13, 20)).toBe(1);
    expect(clipScale(0, 1)).toBe(1);
    expect(() => clipScale(1, 0)).toThrow(/above 0, got 0/);
  });
});

describe('clipping', () => {
  it.each(clipping)('is that of PyTorch’s clip_grad_norm_ at most $maximum', async (fixture) => {
    const gradients = set(fixture.gradients);
    const norm = await globalNorm(gradients);
    expect(norm).toBeCloseTo(fixture.norm, 5);
    const scale = clipScale(norm, fixture.maximum);
    const clipped = [...gradients.values()].flatMap((value) => [...value.dataSync()].map((x) => x * scale));
    expect(clipped).toBeAllclose(Object.values(fixture.clipped).flat(), { rtol: 1e-5 });
  });
});

describe('assertFinite', () => {
  const failure = async (check: Parameters<typeof assertFinite>[0]) =>
    (await assertFinite(check).catch((error: unknown) => error)) as VggError;

  it('returns the norm if all numbers are finite', async () => {
    expect(await assertFinite({ step: 1, loss: 1, gradients: set({ a: [3, 4] }) })).toBeCloseTo(5, 5);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'names the step and the layer nearest the loss whose gradient holds %s',
    async (bad) => {
      const gradients = set({ 'conv1_1.weight': [bad, 1], 'fc6.weight': [1, bad], 'fc8.weight': [1, 1] });
      const error = await expectNoLeak(() => failure({ step: 812, loss: 2, gradients }));
      expect(error.code).toBe('VGG_NON_FINITE');
      expect(error.message).toMatch(/gradient of fc6\.weight \(and of 1 more below it\) is not finite at step 812/);
      expect(error.details).toEqual({ step: 812, layer: 'fc6.weight' });
    },
  );

  it('names a weight that is not finite first', async () => {
    const gradients = set({ 'fc6.weight': [Number.NaN] });
    const variables = set({ 'conv1_1.weight': [1], 'fc6.weight': [Number.NaN] });
    const error = await failure({ step: 3, loss: Number.NaN, gradients, variables });
    expect(error.message).toMatch(/^fc6\.weight is not finite at step 3/);
  });

  it('reports a loss that is not finite with finite gradients, and gradients too large to square', async () => {
    expect((await failure({ step: 4, loss: Number.NaN, gradients: set({ a: [1] }) })).message).toMatch(
      /loss is NaN at step 4/,
    );
    const error = await failure({ step: 5, loss: 1, gradients: set({ a: [1e30] }) });
    expect(error.message).toMatch(/beyond float32 at step 5/);
  });
});
