/** Adds `expect(x).toBeAllclose(y, { rtol, atol })` to every test. */
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
    /**
     * Passes if |actual - expected| <= atol + rtol * |expected| for all elements. NaN equals only NaN; infinities must
     * have the same sign.
     */
    toBeAllclose(expected: NumbersLike, options: AllcloseOptions): T;
  }
}
