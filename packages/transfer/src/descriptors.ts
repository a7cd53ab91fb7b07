/** Descriptors of many images, one row for each. */
import { VggError } from '@vgg/core';

/** Rows of numbers: `values` has `length * width` of them, row after row. */
export interface Descriptors {
  /** Number of rows, one for each image. */
  readonly length: number;
  /** Numbers of one descriptor. */
  readonly width: number;
  readonly values: Float32Array;
}

/** Returns one row, a view of the same memory. */
export function rowOf({ values, width }: Descriptors, row: number): Float32Array {
  return values.subarray(row * width, (row + 1) * width);
}

/** Returns descriptors of the given rows, in that order: a copy. */
export function selectRows(descriptors: Descriptors, rows: ArrayLike<number>): Descriptors {
  const { width } = descriptors;
  const values = new Float32Array(rows.length * width);
  for (let i = 0; i < rows.length; i++) values.set(rowOf(descriptors, rows[i]!), i * width);
  return { length: rows.length, width, values };
}

/**
 * Checks descriptors.
 * @throws VggError `VGG_SHAPE` if the number of values is not length · width; `VGG_NON_FINITE` for NaN or infinity, which names the
 *   first such row.
 */
export function checkDescriptors({ length, width, values }: Descriptors): void {
  if (values.length !== length * width || width < 1) {
    throw new VggError(
      'shape',
      `expected ${length} descriptors of ${width} numbers, that is ${length * width}, got ${values.length}`,
    );
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new VggError(
    'nonFinite',
    `descriptor ${Math.floor(bad / width)} has the number ${values[bad]}: the weights of the net or the image are damaged`,
  );
}

/** Returns the scalar product of two vectors: their cosine, if both have the length 1. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
