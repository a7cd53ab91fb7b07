/** Number of images of each class, and what follows from it. */
import type { ImageSource } from './source';

/** Returns the class of each image of a source. */
export function labelsOf(source: ImageSource): Int32Array {
  return Int32Array.from({ length: source.length }, (_, i) => source.label(i));
}

/** Returns the number of images of each class. */
export function countsOf(labels: ArrayLike<number>, classes: number): Uint32Array {
  const counts = new Uint32Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  return counts;
}

/**
 * Returns the weights of classes for which each class has the same part in the loss: images / (classes · images of the class),
 * as scikit-learn's `balanced`. Their mean over the images is 1. A class without images has the weight 0.
 */
export function balancedWeights(counts: Uint32Array): number[] {
  const images = counts.reduce((sum, count) => sum + count, 0);
  const filled = counts.filter((count) => count > 0).length;
  return Array.from(counts, (count) => (count === 0 ? 0 : images / (filled * count)));
}

/** Returns the error in % of the net that always answers the most frequent class. */
export function constantError(counts: Uint32Array): number {
  const images = counts.reduce((sum, count) => sum + count, 0);
  let most = 0;
  for (const count of counts) most = Math.max(most, count);
  return 100 * (1 - most / images);
}
