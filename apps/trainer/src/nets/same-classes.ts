/** Whether nets, and the images that they are evaluated on, mean the same by a class: only then is there an error to measure. */
import { didYouMean, VggError } from '@vgg/core';
import { IMAGENET_CLASSES } from '@vgg/weights';
import type { Evaluated } from './evaluated';

/** Class names in the order of the labels, and whose they are. */
interface Named {
  readonly name: string;
  readonly classes: readonly string[];
}

/** Classes that nobody named, by their numbers. */
function areNumbers(classes: readonly string[]): boolean {
  return classes.every((name, i) => name === String(i));
}

/** A WordNet number, as ILSVRC names its class folders. */
const SYNSET = /^n\d{8}$/;

/** ILSVRC's classes by WordNet number stand in the order that every framework's nets have them in, under other names. */
function areImagenet(names: readonly string[], folders: readonly string[]): boolean {
  return (
    folders.every((folder, i) => SYNSET.test(folder) && (i === 0 || folders[i - 1]! < folder)) &&
    names.every((name, i) => name === IMAGENET_CLASSES[i])
  );
}

/** @throws VggError `VGG_DATASET` at the first difference. */
function check(ours: Named, theirs: Named): void {
  if (theirs.classes.length !== ours.classes.length) {
    throw new VggError(
      'dataset',
      `${ours.name} has ${ours.classes.length} classes, ${theirs.name} has ${theirs.classes.length}: they must be the same`,
    );
  }
  const differing = ours.classes.findIndex((name, i) => theirs.classes[i] !== name);
  if (differing < 0) return;
  const other = theirs.classes[differing]!;
  const hint = ours.classes.includes(other) ? '' : didYouMean(other, ours.classes);
  throw new VggError(
    'dataset',
    `class ${differing} of ${ours.name} is ${ours.classes[differing]}, of ${theirs.name} it is ${other}` +
      `${hint}: they must be the same, in the same order`,
  );
}

/**
 * Checks that nets and images have the same classes in the same order. Where nothing names the classes of a weight file, only
 * their number can be compared: `assume` is then told what is taken for granted.
 * @param images the data set's classes.
 * @throws VggError `VGG_DATASET` naming the first difference.
 */
export function checkClasses(
  { name, classes, runs }: Evaluated,
  images: readonly string[],
  assume: (line: string) => void,
): void {
  for (const { path, record } of runs.slice(1)) check({ name, classes }, { name: path, classes: record.classes });
  const folders = { name: 'the data set', classes: images };
  if (images.length === classes.length && runs.length === 0) {
    if (areImagenet(classes, images)) return;
    if (areNumbers(classes) && !images.every((folder) => /^\d+$/.test(folder))) {
      assume(
        `nothing names the classes of ${name}: its first output is taken for ${images[0]}, its last for ${images.at(-1)}`,
      );
      return;
    }
  }
  check({ name, classes }, folders);
}
