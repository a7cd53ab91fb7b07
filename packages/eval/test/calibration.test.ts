import { describe, expect, it } from 'vitest';
import { Calibration, meanF1, Tally } from '../src/index';

describe('Calibration', () => {
  it('is the mean difference of confidence and accuracy over bins, by hand', () => {
    const calibration = new Calibration();
    expect(calibration.error()).toBe(null);
    // Bin (12/15, 13/15]: confidences 0.82 and 0.86, one right: |1.68 - 1| = 0.68.
    calibration.add(0.82, true);
    calibration.add(0.86, false);
    // Bin (14/15, 15/15]: confidence 1, right: 0. Bin (4/15, 5/15]: the upper end belongs to it: |1/3 - 0| = 1/3.
    calibration.add(1, true);
    calibration.add(1 / 3, false);
    expect(calibration.error()).toBeCloseTo((0.68 + 1 / 3) / 4, 12);
  });
});

describe('precision, recall and F1', () => {
  it('follow from the confusion of each class', () => {
    // Label → prediction: a→a, a→a, a→b, b→b, c→a; nothing is d.
    const tally = new Tally(4);
    for (const [label, predicted] of ['aa', 'aa', 'ab', 'bb', 'ca'].map((pair) =>
      [...pair].map((c) => 'abcd'.indexOf(c)),
    )) {
      tally.add(label!, [predicted!]);
    }
    const perClass = tally.perClass();
    expect(perClass.map(({ precision }) => precision)).toEqual([2 / 3, 1 / 2, null, null]);
    expect(perClass.map(({ recall }) => recall)).toEqual([2 / 3, 1, 0, null]);
    expect(perClass.map(({ f1 }) => f1)).toEqual([2 / 3, 2 / 3, 0, null]);
    expect(meanF1(perClass)).toBeCloseTo(4 / 9, 12);
  });
});
