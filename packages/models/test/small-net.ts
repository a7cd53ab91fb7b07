/** Helpers of the tests: a net that computes in milliseconds, its images and its errors. */
import { type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { ERROR_CODES, isVggError, randomStream, type VggErrorKind } from '@vgg/core';
import { hashedImages } from '@vgg/testing';
import { expect } from 'vitest';

export const SMALL = { configuration: 'A', width: 1 / 32, inputSize: 32, classes: 4, head: 'small' } as const;
export const dropout = (layer: string) => randomStream(3, layer);

export function images(side = 32, width = side): Tensor4D {
  return hashedImages({ seed: 5, amplitude: 50 }, 2, side, width);
}

export function numbers(tensor: Tensor | undefined): number[] {
  return [...tensor!.dataSync()];
}

export function refusal(kind: VggErrorKind, run: () => unknown): string {
  try {
    tidy(() => void run());
  } catch (error) {
    if (!isVggError(error)) throw error;
    expect(error.code).toBe(ERROR_CODES[kind]);
    expect(error.message).not.toContain('\n');
    return error.message;
  }
  throw new Error('expected an error');
}
