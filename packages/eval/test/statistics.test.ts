/** Expected values of McNemar's test and of Student's t are of SciPy 1.17: binomtest, t.sf. */
import { describe, expect, it } from 'vitest';
import { binomialError, compareErrors, errorOf, mcnemar } from '../src/statistics';

/** Returns outcomes of `n` images, wrong where `wrong` says so. */
const outcomes = (n: number, wrong: (i: number) => boolean) => Uint8Array.from({ length: n }, (_, i) => +wrong(i));

describe('standard errors', () => {
  it('are binomial for one run', () => {
    expect(binomialError(20, 400)).toBeCloseTo(2, 12);
    const { error, standardError } = errorOf([outcomes(100, (i) => i < 10)]);
    expect(error).toBeCloseTo(10, 12);
    expect(standardError).toBeCloseTo(3, 12);
  });

  it('of several seeds have the variance of the images and of the seeds', () => {
    const runs = [outcomes(100, (i) => i < 8), outcomes(100, (i) => i < 12)];
    const { error, standardError } = errorOf(runs);
    expect(error).toBeCloseTo(10, 12);
    // Images: 8 times 1, 4 times 0.5, else 0. Seeds: errors 8 and 12.
    const images = (8 * 0.9 ** 2 + 4 * 0.4 ** 2 + 88 * 0.1 ** 2) / 99;
    expect(standardError).toBeCloseTo(Math.sqrt((1e4 * images) / 100 + 8 / 2), 10);
  });
});

describe('two nets', () => {
  it('with one run each are compared by the exact test of McNemar', () => {
    expect(mcnemar(5, 15)).toBeCloseTo(0.04138946533203125, 12);
    expect(mcnemar(15, 5)).toBeCloseTo(0.04138946533203125, 12);
    expect(mcnemar(0, 0)).toBe(1);
    expect(mcnemar(3, 3)).toBe(1);
    expect(mcnemar(900, 1100) / 8.45708953550381e-6).toBeCloseTo(1, 9);
    const first = outcomes(1000, (i) => i < 15);
    const second = outcomes(1000, (i) => i >= 995);
    const { difference, p } = compareErrors([first], [second]);
    expect(difference).toBeCloseTo(-1, 12);
    expect(p).toBeCloseTo(0.04138946533203125, 12);
  });

  it('with several seeds are compared by a t test over images and seeds', () => {
    const run = (wrong: number, from = 0) => outcomes(1000, (i) => i >= from && i < from + wrong);
    // The second net errs on the same images and 30 more: differences by image have little variance, seeds none.
    const clear = compareErrors([run(100), run(100)], [run(130), run(130)]);
    expect(clear.difference).toBeCloseTo(3, 12);
    expect(clear.p).toBeLessThan(1e-6);
    // Differences of seeds as large as that of the nets decide nothing.
    const unclear = compareErrors([run(100), run(160)], [run(160), run(130)]);
    expect(unclear.difference).toBeCloseTo(1.5, 12);
    expect(unclear.p).toBeGreaterThan(0.3);
    expect(unclear.standardError).toBeGreaterThan(4);
    expect(compareErrors([run(100), run(100)], [run(100), run(100)])).toEqual({
      difference: 0,
      standardError: 0,
      p: 1,
    });
  });

  it('are compared seed by seed: a gain that every seed has counts, however much the seeds differ', () => {
    const run = (wrong: number) => outcomes(1000, (i) => i < wrong);
    const { difference, p } = compareErrors([run(200), run(230), run(260)], [run(190), run(220), run(250)]);
    expect(difference).toBeCloseTo(-1, 12);
    expect(p).toBeLessThan(1e-4);
  });

  it('have p of Student for differences of seeds', () => {
    // All images of a run are equal: the variance of the images is that of a constant, 0.
    const all = (wrong: boolean) => outcomes(10, () => wrong);
    const seeds = (right: number, wrong: number) => [
      ...Array.from({ length: right }, () => all(false)),
      ...Array.from({ length: wrong }, () => all(true)),
    ];
    // Errors 0, 0, 100 and 0, 100, 100: differences 0, 100, 0, whose mean is 33.333 with a standard error of 33.333. t = 1 with 2 degrees
    // of freedom: p = 1 - 1 / sqrt(3).
    const { difference, p } = compareErrors(seeds(2, 1), seeds(1, 2));
    expect(difference).toBeCloseTo(100 / 3, 10);
    expect(p).toBeCloseTo(1 - 1 / Math.sqrt(3), 9);
  });

  it('need the same images', () => {
    expect(() => compareErrors([outcomes(3, () => true)], [outcomes(4, () => true)])).toThrow(/same images.*got 3, 4/);
    expect(() => compareErrors([outcomes(3, () => true)], [outcomes(3, () => true), outcomes(3, () => true)])).toThrow(
      /same seeds.*got 1 and 2/,
    );
    expect(() => errorOf([])).toThrow(/same images for every net, got none/);
  });
});
