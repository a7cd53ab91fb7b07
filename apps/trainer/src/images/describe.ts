/** Messages about how a data set was understood, and which of its files are not used. */
import { concatenate } from '@vgg/data';
import {
  type ClassCopies,
  classCopies,
  countSampled,
  type DataSet,
  nearDuplicates,
  sampleImages,
  type UnusedFiles,
} from '@vgg/data/node';
import type { Terminal } from '../terminal/terminal';
import type { OpenedData } from './data-set';

/** Number of extensions that a message names. */
const EXTENSIONS = 6;

/** Returns `9 image formats that are not read: convert them (4 .heic, 1 .jxl; such as cat/x.heic)`. */
function describeUnused({ reason, count, examples, extensions }: UnusedFiles): string {
  const counted = extensions.slice(0, EXTENSIONS).map(({ extension, count: files }) => `${files} ${extension}`);
  const more = extensions.length > EXTENSIONS ? ', …' : '';
  const kinds = counted.length > 0 ? `${counted.join(', ')}${more}; ` : '';
  return `${count} (${reason}; ${kinds}such as ${examples[0]})`;
}

/** Says how a data set was understood, where another meaning is possible, and counts the files that are not used. */
export function describeData({ notes, unused }: DataSet, terminal: Terminal): void {
  for (const note of notes) terminal.say(note);
  const lost = unused.filter(({ isLoss }) => isLoss);
  const harmless = unused.filter(({ isLoss }) => !isLoss);
  if (lost.length > 0) terminal.warn(`files not used: ${lost.map(describeUnused).join(', ')}`);
  if (harmless.length > 0) terminal.say(`other files: ${harmless.map(describeUnused).join(', ')}`);
}

/**
 * Warns about validation and test images that are training images too, by the content of a sample of these. Images split off from
 * the training images are not looked at.
 * @param path the data set.
 */
export function reportSharedImages(path: string, data: OpenedData, terminal: Terminal): void {
  const { train, validation, test, isSplit } = data;
  let sample: ReturnType<typeof sampleImages> | undefined;
  for (const [name, part] of [
    ['validation', isSplit ? undefined : validation],
    ['test', test],
  ] as const) {
    if (part === undefined) continue;
    sample ??= sampleImages(path, train);
    const count = countSampled(part, sample);
    if (count === 0) continue;
    terminal.warn(
      `${count} of ${sample.length} training images that were compared are ${name} images too: the ${name} error is not that of ` +
        'new images; --check-duplicates compares all',
    );
  }
}

/** Number of sets of copies that `--check-duplicates` names. */
const COPIES = 20;

/** Warns about training images that lie in several classes as copies of the same bytes. */
export function reportCopies(copies: readonly ClassCopies[], terminal: Terminal): void {
  const [first] = copies;
  if (first === undefined) return;
  const count = copies.length === 1 ? '1 training image lies' : `${copies.length} training images lie`;
  terminal.warn(
    `${count} in several classes, with the same bytes, such as ${first.slice(0, 2).join(' and ')}: keep each in one class; ` +
      '--check-duplicates names them',
  );
}

/** Names images that lie in several classes as copies of the same bytes, in the training and validation parts. */
async function nameCopies({ train, validation }: DataSet, terminal: Terminal): Promise<void> {
  const images = train && validation ? concatenate(train, validation) : (train ?? validation);
  const copies = images === undefined ? [] : await classCopies(images);
  for (const names of copies.slice(0, COPIES))
    terminal.warn(`in several classes, with the same bytes: ${names.join(', ')}`);
  if (copies.length > COPIES) terminal.warn(`${copies.length - COPIES} more images lie in several classes`);
  if (copies.length === 0) terminal.say('no image lies in several classes with the same bytes');
}

/** Warns about images in several classes, and about images of other parts that are nearly the same as training images. */
export async function reportDuplicates(data: DataSet, terminal: Terminal): Promise<void> {
  const { train, validation, test } = data;
  await nameCopies(data, terminal);
  for (const [name, part] of [
    ['validation', validation],
    ['test', test],
  ] as const) {
    if (train === undefined || part === undefined) continue;
    const progress = terminal.progress(`${name} images like training images`, train.length + part.length, 'images');
    const pairs = await nearDuplicates(train, part, { onProgress: (images) => progress.update(images) });
    progress.end();
    const [pair] = pairs;
    if (pair === undefined) terminal.say(`no ${name} image is nearly the same as a training image`);
    else {
      terminal.warn(
        `${pairs.length} of ${part.length} ${name} images are nearly the same as training images, such as ` +
          `${part.key(pair.second)} and ${train.key(pair.first)}: the ${name} error is too low`,
      );
    }
  }
}

/** Says that a data set has a test part, which training does not use. */
export function describeTestPart({ test, validation }: DataSet, terminal: Terminal): void {
  if (test === undefined) return;
  const split = validation === undefined ? '' : ', validation images are not taken from it';
  terminal.say(`the test part of ${test.length} images is kept for evaluate --split test${split}`);
}
