import { describe, expect, it } from 'vitest';
import { balancedWeights, constantError, countsOf, labelsOf, rawSource } from '../src/index';

describe('balancedWeights', () => {
  it('gives every class the same part, with a mean of 1, as scikit-learn does', () => {
    // images / (classes · count): 10 / (2 · 8) and 10 / (2 · 2).
    const counts = countsOf([0, 0, 0, 0, 0, 0, 0, 0, 2, 2], 3);
    expect(balancedWeights(counts)).toEqual([0.625, 0, 2.5]);
    expect(constantError(counts)).toBeCloseTo(20, 12);
  });
});

describe('countsOf', () => {
  it('counts the labels of a source', () => {
    const labels = [1, 0, 1];
    const images = new Uint8Array(3 * 48);
    const source = rawSource({ images, labels, width: 4, height: 4, classes: ['dog', 'cat', 'owl'] });
    expect([...labelsOf(source)]).toEqual(labels);
    expect([...countsOf(labelsOf(source), 3)]).toEqual([1, 2, 0]);
  });
});
