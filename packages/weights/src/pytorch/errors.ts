/** What is wrong with a file of PyTorch's, found deep in a pickle, told in one line that names the file. */
import { VggError } from '@vgg/core';

/** What a file holds that it should not, as a phrase. */
export class InvalidFile extends Error {}

/** A pickle that goes on beyond the bytes at hand. */
export class PickleEnd extends InvalidFile {
  constructor() {
    super('a pickle that is cut short');
  }
}

/** Puts the file's name before what is unsound in it. */
export async function describing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidFile)) throw error;
    const what = error.message.replace(/[\r\n]/g, ' ');
    throw new VggError('weights', `${name} is not a valid PyTorch file: it holds ${what}`);
  }
}
