/** Tensors whose numbers another thread may read and change where the engine holds them. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { backendKernel } from '@vgg/optim';

/** Numbers in the engine's own memory. No operation may use their tensor until they are released; then the array is empty. */
export interface LentNumbers {
  numbers: Float32Array;
  release(): void;
}

/** A tensor and its numbers. */
export interface Loan {
  tensor: Tensor;
  numbers: Promise<LentNumbers>;
}

/**
 * Returns a tensor of the same numbers that may be changed in place, usually over the memory of the given one, which must not
 * be used any more; undefined if the engine lends nothing.
 */
export function lendNumbers(x: Tensor): Loan | undefined {
  let numbers: Promise<LentNumbers>;
  const take = (lent: Promise<LentNumbers>): void => {
    numbers = lent;
  };
  const [tensor] = backendKernel('LendNumbers')?.({ x }, { take }) ?? [];
  return tensor && { tensor, numbers: numbers! };
}
