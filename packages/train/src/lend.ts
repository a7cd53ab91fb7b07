/** Tensors whose numbers another thread may read and change where the engine holds them. */
import { engine, getKernel, type NamedAttrMap, type Tensor } from '@tensorflow/tfjs-core';

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
 * be used any more; or undefined if the engine lends nothing.
 */
export function lendNumbers(tensor: Tensor): Loan | undefined {
  if (getKernel('LendNumbers', engine().backendName) === undefined) return undefined;
  let numbers: Promise<LentNumbers> | undefined;
  const take = (lent: Promise<LentNumbers>): void => {
    numbers = lent;
  };
  const [own] = [engine().runKernel('LendNumbers', { x: tensor }, { take } as unknown as NamedAttrMap)].flat();
  return { tensor: own as Tensor, numbers: numbers! };
}
