/** Splits a training set into a training part and a validation part. */
import { randomStream, VggError } from '@vgg/core';
import type { ImageSource } from './source';
import { subset } from './subset';

/**
 * Selects a random `fraction` of each class for validation. Both parts keep the order of the source. A class of two or more
 * images has at least one image in each part; a single image is for training.
 * @param seed random seed.
 * @throws VggError `VGG_ARGUMENT` if the fraction is not between 0 and 1 (exclusive); `VGG_DATASET` if no class has two images.
 */
export function splitByClass(
  source: ImageSource,
  fraction: number,
  seed: number,
): { train: ImageSource; validation: ImageSource } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new VggError('argument', `the validation fraction must be between 0 and 1 (exclusive), got ${fraction}`);
  }
  const members: number[][] = source.classes.map(() => []);
  for (let i = 0; i < source.length; i++) members[source.label(i)]!.push(i);
  const isValidation = new Uint8Array(source.length);
  members.forEach((images, label) => {
    const count = Math.min(images.length - 1, Math.max(1, Math.round(images.length * fraction)));
    const order = randomStream(seed, 'validation split', label).permutation(images.length);
    for (let k = 0; k < count; k++) isValidation[images[order[k]!]!] = 1;
  });
  const part = (value: 0 | 1) =>
    subset(source, Uint32Array.from(Array.from(isValidation.keys()).filter((i) => isValidation[i] === value)));
  const validation = part(1);
  if (validation.length === 0) {
    throw new VggError(
      'dataset',
      `${source.name} has only one image in each class: none can be split off for validation`,
    );
  }
  return { train: part(0), validation };
}
