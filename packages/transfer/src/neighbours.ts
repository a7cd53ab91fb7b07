/** Nearest neighbours among descriptors. */
import { requireInteger, VggError } from '@vgg/core';
import { type Descriptors, rowOf } from './descriptors';

/** Row of a descriptor near the query. */
export interface Neighbour {
  readonly row: number;
  /** Euclidean distance; from 0 to 2 for descriptors of length 1. */
  readonly distance: number;
}

/**
 * Returns the `k` rows nearest to a query, nearest first; of equal distances the first row. Fewer if there are fewer rows.
 * @throws VggError `VGG_SHAPE` for a query of another width; `VGG_ARGUMENT` for a k below 1.
 */
export function nearest(descriptors: Descriptors, query: ArrayLike<number>, k: number): Neighbour[] {
  requireInteger('k', k, 1);
  if (query.length !== descriptors.width) {
    throw new VggError('shape', `expected a query of ${descriptors.width} numbers, got ${query.length}`);
  }
  const found: Neighbour[] = [];
  for (let row = 0; row < descriptors.length; row++) {
    const other = rowOf(descriptors, row);
    let squares = 0;
    for (let j = 0; j < query.length; j++) squares += (query[j]! - other[j]!) ** 2;
    found.push({ row, distance: Math.sqrt(squares) });
  }
  return found.sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, k);
}
