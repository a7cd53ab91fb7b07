/** Losses of one's own targets: values by hand and refusals. Runs against PyTorch are in packages/train. */
import './backend';
import { grad, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  ensureGradients,
  focalLoss,
  regressionLoss,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  softTargetCrossEntropy,
} from '../src/index';

const LOGITS = tensor2d([
  [2, -1, 0.5],
  [100, -100, 0],
]);

describe('the focal loss', () => {
  it('is the cross-entropy for gamma 0, with all its options', () => {
    const options = { labelSmoothing: 0.1, classWeights: [1, 2, 3], mixed: { labels: [1, 1], share: 0.25 } };
    const expected = softmaxCrossEntropy(LOGITS, [0, 2], options).dataSync();
    expect(focalLoss(LOGITS, [0, 2], { ...options, gamma: 0 }).dataSync()).toBeAllclose(expected, {
      rtol: 1e-6,
      atol: 0,
    });
  });

  it('is (1 - p)^gamma times the cross-entropy of an image', () => {
    const logits = tensor2d([[0, Math.log(3)]]);
    const expected = (1 - 0.25) ** 2 * -Math.log(0.25);
    expect(focalLoss(logits, [0]).dataSync()[0]).toBeCloseTo(expected, 6);
  });

  it('has finite gradients for images that are certain', () => {
    ensureGradients();
    for (const gamma of [0.5, 2]) {
      const slope = grad((x) => focalLoss(x as Tensor2D, [0, 0], { gamma }))(LOGITS);
      expect([...slope.dataSync()].every(Number.isFinite)).toBe(true);
    }
  });
});

describe('the sigmoid cross-entropy', () => {
  it('is a mean over outputs and images, and stable', () => {
    const values = sigmoidCrossEntropy(
      tensor2d([
        [0, 200],
        [-200, 0],
      ]),
      [1, 1, 0, 0],
    ).dataSync();
    expect(values[0]).toBeCloseTo((2 * Math.log(2)) / 4, 6);
    const sum = sigmoidCrossEntropy(
      tensor2d([
        [0, 200],
        [-200, 0],
      ]),
      [1, 1, 0, 0],
      { reduction: 'sum' },
    ).dataSync();
    expect(sum[0]).toBeCloseTo(Math.log(2), 6);
  });
});

describe('losses', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a wrong number of targets',
      () => regressionLoss(LOGITS, [1, 2]),
      /one target for each, got \[2,3\] and 2 targets/,
    ],
    ['a target that is not finite', () => regressionLoss(LOGITS, [1, 2, 3, 4, 5, Number.NaN]), /NaN at index 5/],
    ['an unknown kind', () => regressionLoss(LOGITS, [1, 2, 3, 4, 5, 6], { kind: 'cubic' as 'huber' }), /got cubic/],
    ['a delta of 0', () => regressionLoss(LOGITS, [1, 2, 3, 4, 5, 6], { kind: 'huber', delta: 0 }), /delta above 0/],
    ['a label of 2', () => sigmoidCrossEntropy(LOGITS, [0, 1, 2, 0, 0, 0]), /from 0 to 1, got 2 at index 2/],
    ['two weights', () => sigmoidCrossEntropy(LOGITS, [0, 1, 1, 0, 0, 0], { positiveWeights: [1, 2] }), /3 positive/],
    ['a negative probability', () => softTargetCrossEntropy(LOGITS, [-1, 1, 1, 0, 0, 0]), /got -1 at index 0/],
    ['a negative gamma', () => focalLoss(LOGITS, [0, 1], { gamma: -1 }), /a gamma/],
    ['a label outside the classes', () => focalLoss(LOGITS, [0, 3]), /got 3 at index 1/],
  ])('refuse %s', (_, compute, message) => {
    expect(compute).toThrow(message);
  });
});
