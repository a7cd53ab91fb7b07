/** Splits a training set into a training part and a validation part (docs/decisions/0135). */
import { randomStream, VggError } from '@vgg/core';
import type { AsyncImageSource, ImageSource } from './source';
import { subset } from './subset';

/** Returns a number below 2^53 that depends on the whole text; the text `a` and the text `b` have unrelated numbers (cyrb53). */
function numberOf(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 2 ** 32 * (low & 0x1fffff) + (high >>> 0);
}

/** Returns the positions of a class's images in an order that depends on nothing but their keys. */
function orderByKey(source: AsyncImageSource, images: readonly number[]): number[] {
  const numbers = images.map((image) => numberOf(source.key(image).replaceAll('\\', '/')));
  return [...images.keys()].sort((a, b) => numbers[a]! - numbers[b]! || a - b);
}

/** Parts of a source. */
export interface Split<Source extends AsyncImageSource> {
  readonly train: Source;
  readonly validation: Source;
}

/**
 * Selects a `fraction` of each class for validation. Both parts keep the order of the source. A class of two or more images has
 * at least one image in each part; a single image is for training.
 *
 * Without a seed the choice depends on the keys of the images alone: the same images are split in the same way wherever they
 * lie, a smaller fraction selects a part of what a larger one selects, and an added image changes the place of at most one other
 * image of its class.
 * @param seed random seed: selects by the number of each image in its class. Default by the keys.
 * @throws VggError `VGG_ARGUMENT` if the fraction is not between 0 and 1 (exclusive); `VGG_DATASET` if no class has two images.
 */
export function splitByClass(source: ImageSource, fraction: number, seed?: number): Split<ImageSource>;
export function splitByClass(source: AsyncImageSource, fraction: number, seed?: number): Split<AsyncImageSource>;
export function splitByClass(source: AsyncImageSource, fraction: number, seed?: number): Split<AsyncImageSource> {
  if (!(fraction > 0 && fraction < 1)) {
    throw new VggError('argument', `the validation fraction must be between 0 and 1 (exclusive), got ${fraction}`);
  }
  const members: number[][] = source.classes.map(() => []);
  for (let i = 0; i < source.length; i++) members[source.label(i)]!.push(i);
  const isValidation = new Uint8Array(source.length);
  members.forEach((images, label) => {
    const count = Math.min(images.length - 1, Math.max(1, Math.round(images.length * fraction)));
    const order =
      seed === undefined
        ? orderByKey(source, images)
        : randomStream(seed, 'validation split', label).permutation(images.length);
    for (let k = 0; k < count; k++) isValidation[images[order[k]!]!] = 1;
  });
  const part = (value: 0 | 1) =>
    subset(
      source,
      Uint32Array.from(isValidation.keys()).filter((i) => isValidation[i] === value),
    );
  const validation = part(1);
  if (validation.length === 0) {
    throw new VggError(
      'dataset',
      `${source.name} has only one image in each class: none can be split off for validation`,
    );
  }
  return { train: part(0), validation };
}
