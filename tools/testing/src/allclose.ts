/** Numeric comparison of all tests of this repository, as NumPy's: |actual - expected| <= atol + rtol * |expected|. */

export interface AllcloseOptions {
  /** Relative tolerance. */
  rtol: number;
  /** Absolute tolerance. Default 0. */
  atol?: number;
}

/** Numbers, an array, a typed array, or a tensor. The shape of a tensor is compared if `expected` has one. */
export type NumbersLike = number | ArrayLike<number> | { dataSync(): ArrayLike<number>; shape: readonly number[] };

interface Flat {
  values: ArrayLike<number>;
  shape?: readonly number[];
}

function flatten(value: NumbersLike): Flat {
  if (typeof value === 'number') return { values: [value] };
  if ('dataSync' in value) return { values: value.dataSync(), shape: value.shape };
  return { values: value };
}

function close(actual: number, expected: number, rtol: number, atol: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(expected)) return actual === expected;
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

/** Returns `undefined` if all numbers are close, or else a description of the lengths, the shapes or the worst index. */
export function allclose(
  actual: NumbersLike,
  expected: NumbersLike,
  { rtol, atol = 0 }: AllcloseOptions,
): string | undefined {
  const [a, e] = [flatten(actual), flatten(expected)];
  if (a.shape && e.shape && a.shape.join() !== e.shape.join()) {
    return `expected shape [${e.shape}], got [${a.shape}]`;
  }
  if (a.values.length !== e.values.length) return `expected ${e.values.length} numbers, got ${a.values.length}`;
  let [wrong, worst, worstExcess] = [0, -1, -1];
  for (let i = 0; i < a.values.length; i++) {
    const [x, y] = [a.values[i]!, e.values[i]!];
    if (close(x, y, rtol, atol)) continue;
    wrong += 1;
    const excess = Math.abs(x - y) / (atol + rtol * Math.abs(y));
    const rank = Number.isFinite(excess) ? excess : Number.POSITIVE_INFINITY;
    if (rank > worstExcess) [worst, worstExcess] = [i, rank];
  }
  if (wrong === 0) return undefined;
  return `${wrong} of ${a.values.length} numbers differ; worst at index ${worst}: expected ${e.values[worst]}, got ${a.values[worst]} (rtol ${rtol}, atol ${atol})`;
}
