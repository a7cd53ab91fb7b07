/** The images that `predict` is asked for: files, folders, patterns, addresses and standard input. */
import { opendirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { isImageName, isSystemName } from '@vgg/data/node';
import { isAddress } from './fetch-image';
import { isPattern, matchingPaths } from './patterns';

/** The word for standard input. */
export const STANDARD_INPUT = '-';

/** Image to predict. */
export interface Input {
  /** Name in the results: the path or the address, or `-`. */
  readonly name: string;
  readonly kind: 'file' | 'address' | 'standard input';
  /** Reason why there is no image of this name. */
  readonly fault?: string | undefined;
}

const faulty = (name: string, fault: string): Input => ({ name, kind: 'file', fault });

const fileInput = (name: string): Input => ({ name, kind: 'file' });

/**
 * Yields the images in a folder and its folders, in the order of their names. Hidden files and folders, and those that a system made
 * for itself (`@eaDir`, `__MACOSX`, ...), are left out; so are linked folders, which may lead back.
 */
function* imagesIn(folder: string): Generator<Input, void> {
  const entries: { name: string; folder: boolean }[] = [];
  try {
    const opened = opendirSync(resolve(folder));
    try {
      for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) {
        if (isSystemName(entry.name)) continue;
        if (entry.isDirectory() || isImageName(entry.name)) {
          entries.push({ name: entry.name, folder: entry.isDirectory() });
        }
      }
    } finally {
      opened.closeSync();
    }
  } catch (error) {
    yield faulty(folder, `cannot read the folder ${folder}: ${systemReason(error)}`);
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.folder) yield* imagesIn(path);
    else yield fileInput(path);
  }
}

function* imagesAt(path: string): Generator<Input, void> {
  if (statSync(resolve(path), { throwIfNoEntry: false })?.isDirectory() !== true) {
    yield fileInput(path);
    return;
  }
  let count = 0;
  for (const image of imagesIn(path)) {
    count += 1;
    yield image;
  }
  if (count === 0) yield faulty(path, `${path}: the folder has no images`);
}

function* imagesOf(word: string): Generator<Input, void> {
  if (word === STANDARD_INPUT) {
    yield { name: word, kind: 'standard input' };
    return;
  }
  if (isAddress(word)) {
    yield { name: word, kind: 'address' };
    return;
  }
  if (statSync(resolve(word), { throwIfNoEntry: false }) !== undefined) {
    yield* imagesAt(word);
    return;
  }
  const paths = isPattern(word) ? matchingPaths(word) : [];
  for (const path of paths) yield* imagesAt(path);
  if (paths.length > 0) return;
  yield faulty(word, isPattern(word) ? `${word}: no file matches this pattern` : `${word}: there is no such file`);
}

/**
 * Returns the images of the words in order; a word without an image has a fault. A file that exists wins over a pattern:
 * `[1].jpg` is a possible name.
 * @throws VggError `VGG_ARGUMENT` when standard input is named twice.
 */
export function predictInputs(words: readonly string[]): Input[] {
  if (words.filter((word) => word === STANDARD_INPUT).length > 1) {
    throw new VggError('argument', `expected ${STANDARD_INPUT}, standard input, once: it holds one image`);
  }
  return words.flatMap((word) => [...imagesOf(word)]);
}
