/** Random splits of labelled images into training and test, as the paper makes them of Caltech, and folds. */
import { randomStream, requireInteger, VggError } from '@vgg/core';

/** Rows of the training images and of the test images, ascending. */
export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** Options of {@link randomSplit}. */
export interface SplitOptions {
  /** Number of training images of each class. A class with no more than these keeps one image for the test. */
  readonly perClass: number;
  /** Largest number of test images of each class. Default 50, as in the paper. */
  readonly testPerClass?: number | undefined;
  /** Random seed. Default 0. */
  readonly seed?: number | undefined;
  /** Number of the split: each has other images. Default 0. */
  readonly number?: number | undefined;
}

/**
 * Returns the rows of each class.
 * @throws VggError `VGG_DATASET` for fewer than two classes or a class with fewer than two images, which it names.
 */
export function rowsByClass(labels: ArrayLike<number>, classes: readonly string[]): number[][] {
  if (classes.length < 2) {
    throw new VggError('dataset', `expected two classes or more, got ${classes.length}: add class folders`);
  }
  const rows: number[][] = classes.map(() => []);
  for (let i = 0; i < labels.length; i++) rows[labels[i]!]!.push(i);
  const small = rows.findIndex(({ length }) => length < 2);
  if (small < 0) return rows;
  const images = rows[small]!.length === 1 ? 'one image' : 'no image';
  throw new VggError('dataset', `class ${classes[small]} has ${images}: expected two or more, for training and test`);
}

/** Splits labelled images at random. @throws VggError as {@link rowsByClass}; `VGG_ARGUMENT` for a number below 1. */
export function randomSplit(
  labels: ArrayLike<number>,
  classes: readonly string[],
  { perClass, testPerClass = 50, seed = 0, number = 0 }: SplitOptions,
): Split {
  requireInteger('perClass', perClass, 1);
  requireInteger('testPerClass', testPerClass, 1);
  const train: number[] = [];
  const test: number[] = [];
  for (const [label, rows] of rowsByClass(labels, classes).entries()) {
    const order = randomStream(seed, 'transfer split', number, label).permutation(rows.length);
    const count = Math.min(perClass, rows.length - 1);
    for (const [place, row] of order.entries()) {
      if (place < count) train.push(rows[row]!);
      else if (place < count + testPerClass) test.push(rows[row]!);
    }
  }
  return { train: Uint32Array.from(train).sort(), test: Uint32Array.from(test).sort() };
}

/** Returns the fold of each image, so that every fold has its share of each class. */
export function stratifiedFolds(labels: ArrayLike<number>, classes: number, folds: number, seed: number): Uint32Array {
  const result = new Uint32Array(labels.length);
  let next = 0;
  for (let k = 0; k < classes; k++) {
    const rows = Array.from({ length: labels.length }, (_, i) => i).filter((i) => labels[i] === k);
    const order = randomStream(seed, 'transfer folds', k).permutation(rows.length);
    for (const row of order) result[rows[row]!] = next++ % folds;
  }
  return result;
}
