/** Adds to every test `expect(x).toBeAllclose(y, { rtol, atol })`. */
import { expect } from 'vitest';
import { type AllcloseOptions, allclose, type NumbersLike } from './allclose';

expect.extend({
  toBeAllclose(actual: NumbersLike, expected: NumbersLike, options: AllcloseOptions) {
    const difference = allclose(actual, expected, options);
    return { pass: difference === undefined, message: () => difference ?? 'expected the numbers to differ' };
  },
});

declare module 'vitest' {
  interface Matchers<T> {
    /** Element-wise |actual - expected| <= atol + rtol * |expected|; NaN equals only NaN, infinities must share their sign. */
    toBeAllclose(expected: NumbersLike, options: AllcloseOptions): T;
  }
}
