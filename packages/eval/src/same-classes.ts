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

/** The ImageNet classes: names and WordNet numbers in the same order. */
export interface ImagenetClasses {
  readonly names: readonly string[];
  readonly synsets: readonly string[];
}

/** Place of each class of images among the classes of a net. */
export interface ClassPlaces {
  /** Index of each class of the images in the classes of the net. */
  readonly places: readonly number[];
  /** One line that says which classes were matched by name. */
  readonly notice?: string | undefined;
  /** One line that says what is assumed, if only the number of classes could be compared. */
  readonly assumption?: string | undefined;
}

/** Number of classes that a message names. */
const NAMED = 5;

function listOf(names: readonly string[]): string {
  return names.slice(0, NAMED).join(', ') + (names.length > NAMED ? `, … (${names.length})` : '');
}

/** Returns a name without differences of case, of Unicode form, and of spaces, hyphens and underscores. */
function plainName(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ')
    .trim();
}

/** Returns the index of each name that only one class has. */
function uniquePlaces(names: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  const repeated = new Set<string>();
  names.forEach((name, i) => {
    if (places.has(name)) repeated.add(name);
    places.set(name, i);
  });
  for (const name of repeated) places.delete(name);
  return places;
}

/**
 * Matches the classes of images with those of a net by name, so that images of only some classes, or in another order, can be
 * evaluated. Names are compared exactly, then without case, spaces, hyphens and underscores. For the ImageNet classes, WordNet
 * numbers are names, too.
 * @throws VggError `VGG_DATASET` if a class of the images is not a class of the net, or two of them are the same class of it.
 */
export function matchClasses(net: ClassNames, images: ClassNames, imagenet: ImagenetClasses): ClassPlaces {
  const inOrder = images.classes.map((_, i) => i);
  if (images.classes.length === net.classes.length) {
    if (images.classes.every((name, i) => name === net.classes[i])) return { places: inOrder };
    if (areUnnamed(net.classes) || areWordNetNumbers(images.classes)) {
      try {
        return { places: inOrder, assumption: checkImageClasses(net, images, imagenet.names) };
      } catch {
        // They are matched by name.
      }
    }
  }
  const exact = uniquePlaces(net.classes);
  const plain = uniquePlaces(net.classes.map(plainName));
  const isImagenet =
    net.classes.length === imagenet.names.length && net.classes.every((c, i) => c === imagenet.names[i]);
  const synsets = uniquePlaces(isImagenet ? imagenet.synsets : []);
  const places = images.classes.map((name) => exact.get(name) ?? synsets.get(name) ?? plain.get(plainName(name)) ?? -1);
  const unknown = images.classes.filter((_, i) => places[i] === -1);
  if (unknown.length > 0) {
    throw new VggError(
      'dataset',
      `${unknown.length} of the ${images.classes.length} classes of ${images.name} are not among the ${net.classes.length} ` +
        `classes of ${net.name}: ${listOf(unknown)}${didYouMean(unknown[0]!, net.classes)}; rename or remove them`,
    );
  }
  const taken = new Map<number, string>();
  for (const [i, place] of places.entries()) {
    const other = taken.get(place);
    if (other !== undefined) {
      throw new VggError(
        'dataset',
        `${other} and ${images.classes[i]} of ${images.name} are the same class ${net.classes[place]} of ${net.name}: join them`,
      );
    }
    taken.set(place, images.classes[i]!);
  }
  return { places, notice: describeMatch(net, images, taken) };
}

function describeMatch(net: ClassNames, images: ClassNames, taken: ReadonlyMap<number, string>): string {
  const absent = net.classes.filter((_, i) => !taken.has(i));
  const renamed = [...taken].filter(([place, name]) => net.classes[place] !== name);
  const [first] = renamed;
  const example = first === undefined ? '' : `, such as ${first[1]} as ${net.classes[first[0]]}`;
  const of = absent.length === 0 ? 'all' : `${images.classes.length} of the`;
  const without = absent.length === 0 ? '' : `; without images: ${listOf(absent)}`;
  return `classes are matched by name${example}: ${images.name} has ${of} ${net.classes.length} classes of ${net.name}${without}`;
}
