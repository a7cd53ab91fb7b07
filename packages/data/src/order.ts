/** The order in which an epoch visits the training set: a fresh permutation for each epoch, addressed by (seed, epoch). */
import { randomStream } from '@vgg/core';

/** A uniformly random permutation of 0 … length - 1: the source's indices in the order in which `epoch` visits them. */
export function epochOrder(seed: number, epoch: number, length: number): Uint32Array {
  return randomStream(seed, 'order', epoch).permutation(length);
}
