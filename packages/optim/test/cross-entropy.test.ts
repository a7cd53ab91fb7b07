import './backend';
import { mul, type Scalar, type Tensor2D, tensor2d, tidy, valueAndGrad } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { expectNoLeak } from '@vgg/testing';
import { describe, expect, it } from 'vitest';
import { ensureGradients, softmaxCrossEntropy } from '../src/index';
import cases from './fixtures/cross-entropy.json';
import weightedCases from './fixtures/weighted-cross-entropy.json';

ensureGradients();

describe('softmaxCrossEntropy', () => {
  it.each(cases)('has the value and gradient of PyTorch: $reduction, smoothing $labelSmoothing', async (fixture) => {
    const { shape, logits, labels, loss, gradient, labelSmoothing } = fixture;
    const reduction = fixture.reduction as 'mean' | 'sum';
    await expectNoLeak(() =>
      tidy(() => {
        const f = (x: Tensor2D): Scalar => softmaxCrossEntropy(x, labels, { reduction, labelSmoothing });
        const result = valueAndGrad(f)(tensor2d(logits, shape as [number, number]));
        expect(result.value.dataSync()).toBeAllclose([loss], { rtol: 1e-6 });
        expect(result.grad.dataSync()).toBeAllclose(gradient, { rtol: 1e-4, atol: 1e-7 });
      }),
    );
  });

  it.each(weightedCases)('weights classes as PyTorch does: smoothing $labelSmoothing', (fixture) => {
    const { logits, labels, loss, gradient, labelSmoothing, classWeights } = fixture;
    tidy(() => {
      const options = { reduction: 'sum', labelSmoothing, classWeights } as const;
      const result = valueAndGrad((x: Tensor2D) => softmaxCrossEntropy(x, labels, options))(tensor2d(logits, [6, 4]));
      expect(result.value.dataSync()).toBeAllclose([loss], { rtol: 1e-6 });
      expect(result.grad.dataSync()).toBeAllclose(gradient, { rtol: 1e-4, atol: 1e-6 });
    });
    expect(() => softmaxCrossEntropy(tensor2d([[1, 2]]), [0], { classWeights: [1] })).toThrow(
      /expected 2 class weights/,
    );
  });

  it('multiplies the gradient of the loss', () => {
    tidy(() => {
      // Two equal logits: soft-max is 1/2 each, so the gradient of 3 times the loss is 3·(1/2 - 1, 1/2).
      const { grad } = valueAndGrad((x: Tensor2D) => mul(softmaxCrossEntropy(x, [0]), 3) as Scalar)(tensor2d([[4, 4]]));
      expect(grad.dataSync()).toBeAllclose([-1.5, 1.5], { rtol: 1e-6 });
    });
  });

  it('is the mean of two losses, weighted by share, for mixed labels', () => {
    const logits = tensor2d([
      [1, 2, 4],
      [0, -1, 3],
    ]);
    const loss = (labels: number[], options = {}) =>
      softmaxCrossEntropy(logits, labels, { labelSmoothing: 0.1, ...options }).dataSync()[0]!;
    const mixed = tidy(() => loss([0, 1], { mixed: { labels: [2, 0], share: 0.25 } }));
    expect(mixed).toBeCloseTo(
      tidy(() => 0.75 * loss([0, 1]) + 0.25 * loss([2, 0])),
      5,
    );
    logits.dispose();
  });

  it('is ln(classes) for equal logits', () => {
    const loss = tidy(() => softmaxCrossEntropy(tensor2d(new Float32Array(30), [3, 10]), [0, 5, 9]).dataSync());
    expect(loss).toBeAllclose([Math.log(10)], { rtol: 1e-6 });
  });

  it.each([
    ['a label past the classes', [[1, 2]], [2], {}, /labels from 0 to 1, got 2 at index 0/],
    ['a negative label', [[1, 2]], [-1], {}, /got -1/],
    ['a fractional label', [[1, 2]], [0.5], {}, /got 0.5/],
    ['a NaN label', [[1, 2]], [Number.NaN], {}, /got NaN/],
    [
      'too few labels',
      [
        [1, 2],
        [3, 4],
      ],
      [0],
      {},
      /got \[2,2\] and 1 labels/,
    ],
    ['a second label past the classes', [[1, 2]], [0], { mixed: { labels: [2], share: 0.5 } }, /got 2 at index 0/],
    ['too few second labels', [[1, 2]], [0], { mixed: { labels: [], share: 0.5 } }, /1 second labels .* got 0 and 0.5/],
    ['a share above 1', [[1, 2]], [0], { mixed: { labels: [1], share: 1.5 } }, /in \[0, 1\], got 1 and 1.5/],
    ['a share that is NaN', [[1, 2]], [0], { mixed: { labels: [1], share: Number.NaN } }, /got 1 and NaN/],
    ['a smoothing of 1', [[1, 2]], [0], { labelSmoothing: 1 }, /smoothing in \[0, 1\), got 1/],
  ])('refuses %s', (_, logits, labels, options, message) => {
    tidy(() => {
      const attempt = () => softmaxCrossEntropy(tensor2d(logits), labels, options);
      expect(attempt).toThrow(VggError);
      expect(attempt).toThrow(message);
    });
  });

  it('refuses an empty batch', () => {
    expect(() => tidy(() => softmaxCrossEntropy(tensor2d([], [0, 3]), []))).toThrow(/n ≥ 1 labels, got \[0,3\]/);
  });
});
