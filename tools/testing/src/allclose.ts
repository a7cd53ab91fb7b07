/**
 * The one numeric comparison of this repository's tests: |actual - expected| <= atol + rtol * |expected|, as numpy's.
 */

export interface AllcloseOptions {
  /** Relative tolerance. */
  rtol: number;
  /** Absolute tolerance. Default 0. */
  atol?: number | undefined;
}

/** A number, an array, a typed array, or a tensor. If both values are tensors, their shapes are compared, too. */
export type NumbersLike = number | ArrayLike<number> | { dataSync(): ArrayLike<number>; shape: readonly number[] };

interface Flat {
  values: ArrayLike<number>;
  shape?: readonly number[] | undefined;
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

/** Returns `undefined` if all numbers are close, else a message about the shapes, the lengths or the worst index. */
export function allclose(
  actual: NumbersLike,
  expected: NumbersLike,
  { rtol, atol = 0 }: AllcloseOptions,
): string | undefined {
  const a = flatten(actual);
  const e = flatten(expected);
  if (a.shape && e.shape && a.shape.join() !== e.shape.join()) {
    return `expected shape [${e.shape}], got [${a.shape}]`;
  }
  if (a.values.length !== e.values.length) return `expected ${e.values.length} numbers, got ${a.values.length}`;
  let wrong = 0;
  let worst = -1;
  let worstExcess = -1;
  for (let i = 0; i < a.values.length; i++) {
    const x = a.values[i]!;
    const y = e.values[i]!;
    if (close(x, y, rtol, atol)) continue;
    wrong += 1;
    const excess = Math.abs(x - y) / (atol + rtol * Math.abs(y));
    const rank = Number.isFinite(excess) ? excess : Number.POSITIVE_INFINITY;
    if (rank > worstExcess) {
      worst = i;
      worstExcess = rank;
    }
  }
  if (wrong === 0) return undefined;
  return `${wrong} of ${a.values.length} numbers differ; worst at index ${worst}: expected ${e.values[worst]}, got ${a.values[worst]} (rtol ${rtol}, atol ${atol})`;
}
