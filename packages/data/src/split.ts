/** Splitting a validation part off a training set. */
import { randomStream, VggError } from '@vgg/core';
import { type ImageSource, subset } from './source';

/**
 * Splits `fraction` of each class off for validation, drawn by `seed`; both parts keep the source's order. A class of at
 * least two images keeps at least one on either side; a class of one goes to training.
 * @throws VggError `VGG_ARGUMENT` unless the fraction lies strictly between 0 and 1, `VGG_DATASET` when nothing is left
 *   to validate on.
 */
export function splitByClass(
  source: ImageSource,
  fraction: number,
  seed: number,
): { train: ImageSource; validation: ImageSource } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new VggError('argument', `the validation fraction must lie between 0 and 1, both excluded, got ${fraction}`);
  }
  const members: number[][] = source.classes.map(() => []);
  for (let i = 0; i < source.length; i++) members[source.label(i)]!.push(i);
  const held = new Uint8Array(source.length);
  members.forEach((images, label) => {
    const count = Math.min(images.length - 1, Math.max(1, Math.round(images.length * fraction)));
    const order = randomStream(seed, 'validation split', label).permutation(images.length);
    for (let k = 0; k < count; k++) held[images[order[k]!]!] = 1;
  });
  const part = (validation: 0 | 1) =>
    subset(source, Uint32Array.from(Array.from(held.keys()).filter((i) => held[i] === validation)));
  const validation = part(1);
  if (validation.length === 0) {
    throw new VggError('dataset', `${source.name} has one image in each class: none can be split off for validation`);
  }
  return { train: part(0), validation };
}
