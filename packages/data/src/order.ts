/** Shuffles the training set: each epoch has another permutation, which depends only on (seed, epoch). */
import { randomStream } from '@vgg/core';

/** Returns the source indices 0 to `length - 1` in the order of `epoch`, a uniformly random permutation. */
export function epochOrder(seed: number, epoch: number, length: number): Uint32Array {
  return randomStream(seed, 'order', epoch).permutation(length);
}
