/** Errors in a PyTorch file, found deep in a pickle and reported in one line that names the file. */
import { VggError } from '@vgg/core';

/** Error in a file. Its message is a phrase for what the file holds but must not hold. */
export class InvalidFile extends Error {}

/** Error for a pickle that does not end within the available bytes. */
export class PickleEnd extends InvalidFile {
  constructor() {
    super('a pickle that is cut short');
  }
}

/** Runs `work`, and converts an {@link InvalidFile} to an error that names the file. */
export async function nameFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidFile)) throw error;
    const what = error.message.replace(/[\r\n]/g, ' ');
    throw new VggError('weights', `${name} is not a valid PyTorch file: it holds ${what}`);
  }
}
