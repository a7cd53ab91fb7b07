/** Checks that nets and images have the same classes: only then can an error be measured. */
import { didYouMean, VggError } from '@vgg/core';

/** Class names in the order of the labels or outputs, of a net or a data set. */
export interface ClassNames {
  /** Name of the net or data set in messages. */
  readonly name: string;
  readonly classes: readonly string[];
}

/**
 * Checks that two lists of classes have the same names in the same order.
 * @throws VggError `VGG_DATASET`, naming the first difference.
 */
export function checkClasses(expected: ClassNames, actual: ClassNames): void {
  if (actual.classes.length !== expected.classes.length) {
    throw new VggError(
      'dataset',
      `${expected.name} has ${expected.classes.length} classes, ${actual.name} has ${actual.classes.length}: ` +
        'they must be the same',
    );
  }
  const differing = expected.classes.findIndex((name, i) => actual.classes[i] !== name);
  if (differing < 0) return;
  const other = actual.classes[differing]!;
  const hint = expected.classes.includes(other) ? '' : didYouMean(other, expected.classes);
  throw new VggError(
    'dataset',
    `class ${differing} of ${expected.name} is ${expected.classes[differing]}, of ${actual.name} it is ${other}` +
      `${hint}: they must be the same, in the same order`,
  );
}

/** WordNet number: the name of a class folder of ILSVRC. */
const WORDNET_NUMBER = /^n\d{8}$/;

/** Returns true if names are WordNet numbers in ascending order. */
function areWordNetNumbers(names: readonly string[]): boolean {
  return names.every((name, i) => WORDNET_NUMBER.test(name) && (i === 0 || names[i - 1]! < name));
}

/** Returns true if classes have no names but their own numbers. */
function areUnnamed(classes: readonly string[]): boolean {
  return classes.every((name, i) => name === String(i));
}

/**
 * Checks that images have the classes of a net from a weight file. In contrast to {@link checkClasses}, ILSVRC's folders
 * (WordNet numbers in order) match the ImageNet classes, and any names match a net whose classes have no names.
 * @param imagenet the ImageNet class names in the order of their WordNet numbers: `IMAGENET_CLASSES` of `@vgg/weights`.
 * @returns one line that states what is assumed, if only the number of classes could be compared; undefined otherwise.
 * @throws VggError `VGG_DATASET`, naming the first difference.
 */
export function checkImageClasses(
  net: ClassNames,
  images: ClassNames,
  imagenet: readonly string[],
): string | undefined {
  if (images.classes.length === net.classes.length) {
    if (areWordNetNumbers(images.classes) && net.classes.every((name, i) => name === imagenet[i])) return undefined;
    if (areUnnamed(net.classes) && !images.classes.every((name) => /^\d+$/.test(name))) {
      const first = images.classes[0];
      const last = images.classes.at(-1);
      return `nothing names the classes of ${net.name}: its first output is taken for ${first}, its last for ${last}`;
    }
  }
  checkClasses(net, images);
  return undefined;
}
