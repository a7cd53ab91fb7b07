/** Paths of files that are named by a path or by a file URL. */
import { fileURLToPath } from 'node:url';
import { VggError } from '../errors';

/**
 * Returns the path of a file URL. Any other text is returned as it is.
 * @param example name of a file, for the message.
 * @throws VggError `VGG_ARGUMENT` for a file URL of another machine, with invalid escapes or with an escaped `/` or zero byte.
 */
export function localPath(address: string, example: string): string {
  if (!/^file:/i.test(address)) return address;
  let cause: unknown;
  try {
    const path = fileURLToPath(address);
    if (!path.includes('\0')) return path;
  } catch (error) {
    cause = error;
  }
  throw new VggError(
    'argument',
    `expected a file URL such as file:///folder/${example}, got ${JSON.stringify(address.slice(0, 80))}: pass the path itself`,
    { cause },
  );
}
