/** Images of `predict`, one after another: the results are printed, and an image that cannot be used is named. */
import { isVggError, VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { type FoundImage, readFoundImage } from '@vgg/data/node';
import { print } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

/** Returns true if an error is the fault of one image, so that the others can be predicted. */
function isImageFault(error: unknown): error is VggError {
  if (!isVggError(error)) return false;
  const { code, details } = error;
  return code === 'VGG_IMAGE' || (code === 'VGG_IO' && ('path' in details || 'address' in details));
}

/** Prints results as one JSON list, and holds one of them at a time: there may be a million. */
function jsonList() {
  let held: string | undefined;
  return {
    async add(result: object): Promise<void> {
      if (held !== undefined) await print(`${held},`);
      held = `${held === undefined ? '[\n' : ''}${JSON.stringify(result, null, 2).replace(/^/gm, '  ')}`;
    },
    end: () => print(held === undefined ? '[]' : `${held}\n]`),
  };
}

/** Prints a result: as an entry of the JSON list, or as text. */
type Show = (result: object, text: string) => Promise<void>;

/**
 * Reads images and predicts each.
 * @throws VggError `VGG_IMAGE`, after all others are predicted, if an image cannot be used.
 */
export async function predictEach(
  inputs: readonly FoundImage[],
  { json, terminal }: { json: boolean; terminal: Terminal },
  predict: (image: RawImage, name: string, show: Show) => Promise<void>,
): Promise<void> {
  const list = jsonList();
  const show: Show = (result, text) => (json ? list.add(result) : print(text));
  let failures = 0;
  for (const input of inputs) {
    try {
      await predict(await readFoundImage(input), input.name, show);
    } catch (error) {
      if (!isImageFault(error)) throw error;
      if (inputs.length === 1) throw new VggError('image', error.message, { cause: error });
      failures += 1;
      terminal.warn(error.message);
    }
  }
  if (json) await list.end();
  if (failures > 0) throw new VggError('image', `${failures} of ${inputs.length} images could not be read`);
}
