/** Measures, splits and neighbours, with numbers worked out by hand. */
import { describe, expect, it } from 'vitest';
import { averagePrecision, measure, nearest, randomSplit } from '../src';
import { standardError } from '../src/measures';
import { stratifiedFolds } from '../src/splits';

describe('averagePrecision', () => {
  // Ranking: + - + - -  +: precisions 1, 2/3, 3/6.
  const scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
  const isPositive = (i: number) => [0, 2, 5].includes(i);

  it('is the area under the curve by the rule of VOC 2010', () => {
    expect(averagePrecision(scores, isPositive)).toBeCloseTo((1 + 2 / 3 + 1 / 2) / 3, 12);
  });

  it('is the mean at 11 recalls by the rule of VOC 2007', () => {
    // Recalls 0 to 0.3: 1; 0.4 to 0.6: 2/3; 0.7 to 1: 1/2.
    expect(averagePrecision(scores, isPositive, 'voc2007')).toBeCloseTo((4 + 3 * (2 / 3) + 4 * 0.5) / 11, 12);
  });

  it('uses the highest precision at a larger recall', () => {
    // Ranking - + +: precisions 1/2 and 2/3, both count as 2/3.
    expect(averagePrecision([3, 2, 1], (i) => i > 0)).toBeCloseTo(2 / 3, 12);
    expect(averagePrecision([1], () => false)).toBeNaN();
  });
});

describe('measure', () => {
  it('averages over the classes, not over the images', () => {
    // Class 0: 3 of 3 right; class 1: 0 of 1.
    const values = [2, 1, 2, 1, 2, 1, 2, 1];
    const { accuracy, meanClassAccuracy } = measure(values, [0, 0, 0, 1], 2);
    expect(accuracy).toBe(0.75);
    expect(meanClassAccuracy).toBe(0.5);
  });

  it('refuses values of another number, and no image', () => {
    expect(() => measure([1, 2, 3], [0, 1], 2)).toThrow(/expected 4 decision values for 2 images, got 3/);
    expect(() => measure([], [], 2)).toThrow(/no image to test/);
  });

  it('has the standard error of the mean', () => {
    expect(standardError([1, 2, 3])).toBeCloseTo(1 / Math.sqrt(3), 12);
    expect(standardError([1])).toBeNull();
  });
});

describe('randomSplit', () => {
  const labels = [...Array(10).fill(0), ...Array(3).fill(1), ...Array(70).fill(2)] as number[];
  const classes = ['a', 'b', 'c'];

  it('takes so many training images of each class, all but one of a small class, and at most 50 for the test', () => {
    const { train, test } = randomSplit(labels, classes, { perClass: 5 });
    const counts = (rows: Uint32Array) => [0, 1, 2].map((k) => [...rows].filter((row) => labels[row] === k).length);
    expect(counts(train)).toEqual([5, 2, 5]);
    expect(counts(test)).toEqual([5, 1, 50]);
    expect([...train].filter((row) => test.includes(row))).toEqual([]);
  });

  it('is the same for the same seed and number, and another one for others', () => {
    const split = (seed: number, number: number) => [
      ...randomSplit(labels, classes, { perClass: 5, seed, number }).train,
    ];
    expect(split(0, 0)).toEqual(split(0, 0));
    expect(split(0, 1)).not.toEqual(split(0, 0));
    expect(split(1, 0)).not.toEqual(split(0, 0));
  });

  it('refuses one class, and a class with one image by its name', () => {
    expect(() => randomSplit([0, 0], ['a'], { perClass: 1 })).toThrow(/expected two classes or more, got 1/);
    expect(() => randomSplit([0, 0, 1], ['a', 'b'], { perClass: 1 })).toThrow(
      /class b has one image: expected two or more/,
    );
    expect(() => randomSplit(labels, classes, { perClass: 0 })).toThrow(/perClass/);
  });

  it('makes folds with a share of every class', () => {
    const folds = stratifiedFolds(labels, 3, 3, 0);
    for (const k of [0, 1, 2]) {
      const counts = [0, 1, 2].map((f) => labels.filter((label, i) => label === k && folds[i] === f).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});

describe('nearest', () => {
  const descriptors = { length: 3, width: 2, values: Float32Array.of(0, 1, 1, 0, 0.6, 0.8) };

  it('returns the nearest rows first', () => {
    const found = nearest(descriptors, [0, 1], 2);
    expect(found.map(({ row }) => row)).toEqual([0, 2]);
    expect(found.map(({ distance }) => distance)).toBeAllclose([0, Math.sqrt(0.36 + 0.04)], { rtol: 1e-6, atol: 0 });
    expect(nearest(descriptors, [0, 1], 9)).toHaveLength(3);
  });

  it('refuses a query of another width', () => {
    expect(() => nearest(descriptors, [1], 1)).toThrow(/expected a query of 2 numbers, got 1/);
  });
});
