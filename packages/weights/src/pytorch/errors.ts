/** Errors of PyTorch's files: one line that names the file. */
import { VggError } from '@vgg/core';

export function corrupt(name: string, what: string): VggError {
  return new VggError('weights', `${name} is not a sound PyTorch file: it holds ${what.replace(/[\r\n]/g, ' ')}`);
}

/** Puts the file's name before what is wrong with its pickle. */
export function describing<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof VggError ? corrupt(name, error.message) : error;
  }
}
