/** The images that words stand for: files, folders, patterns, addresses and standard input. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { RawImage } from '../image';
import { fsPath, nameOf, readableName } from './byte-names';
import { decodeImage } from './decode';
import { fetchImage, isAddress, readStandardInput } from './fetch-image';
import { statsOf } from './file-stats';
import { isPattern, matchingPaths } from './path-patterns';
import { isImageName, isSystemName } from './sources/files';

/** The word for standard input. */
const STANDARD_INPUT = '-';

/** Image that was found; {@link readFoundImage} decodes it. */
export interface FoundImage {
  /** Name in results: the path or the address, or `-` for standard input. Bytes that are not UTF-8 are shown as `\xfc`. */
  readonly name: string;
  /** Path of a file. Default `name`. */
  readonly path?: string | undefined;
  readonly kind: 'file' | 'address' | 'standard input';
  /** Reason why there is no image of this name. */
  readonly fault?: string | undefined;
}

const faulty = (path: string, fault: string): FoundImage => ({
  name: readableName(path),
  kind: 'file',
  fault: readableName(fault),
});

const fileInput = (path: string): FoundImage => ({ name: readableName(path), kind: 'file', path });

/** Returns a text that differs between folders and is the same however the path of a folder is written. */
function identityOf(folder: string): string {
  const { dev, ino } = statSync(fsPath(resolve(folder)));
  return `${dev}:${ino}`;
}

/** Returns the identities of the folders that contain a folder. */
function containing(folder: string): Set<string> {
  const found = new Set<string>();
  let inner = nameOf(realpathSync(fsPath(resolve(folder)), { encoding: 'buffer' }));
  for (let outer = dirname(inner); outer !== inner; inner = outer, outer = dirname(outer)) found.add(identityOf(outer));
  return found;
}

/** File or folder that a folder has, links followed. */
interface Entry {
  readonly name: string;
  readonly kind: 'folder' | 'file' | 'special file';
}

/** Returns the images and folders of a folder in the order of their names. */
function entriesOf(folder: string): Entry[] {
  const entries: Entry[] = [];
  for (const entry of readdirSync(fsPath(resolve(folder)), { withFileTypes: true, encoding: 'buffer' })) {
    const name = nameOf(entry.name);
    if (isSystemName(name)) continue;
    // The target of a link counts. A link to nothing is found when it is read.
    const target = entry.isSymbolicLink() ? statsOf(resolve(folder, name)) : entry;
    if (target?.isDirectory()) entries.push({ name, kind: 'folder' });
    else if (isImageName(name)) {
      entries.push({ name, kind: target === undefined || target.isFile() ? 'file' : 'special file' });
    }
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Yields the images in a folder and its folders, in the order of their names. Hidden files and folders, and those that a system made
 * for itself (`@eaDir`, `__MACOSX`, ...), are left out. Links are followed, but not to a folder that contains them; no folder is
 * read twice.
 * @param known identities of the folders that are not read. Default those that contain the folder.
 */
function* imagesIn(folder: string, known?: Set<string>): Generator<FoundImage, void> {
  let entries: Entry[];
  let seen: Set<string>;
  try {
    seen = known ?? containing(folder);
    const identity = identityOf(folder);
    if (seen.has(identity)) return;
    seen.add(identity);
    entries = entriesOf(folder);
  } catch (error) {
    yield faulty(folder, `cannot read the folder ${folder}: ${systemReason(error)}`);
    return;
  }
  for (const { name, kind } of entries) {
    const path = join(folder, name);
    if (kind === 'folder') yield* imagesIn(path, seen);
    else if (kind === 'file') yield fileInput(path);
    else yield faulty(path, `${path} is a pipe or a device, not a file`);
  }
}

function* imagesAt(path: string): Generator<FoundImage, void> {
  if (statsOf(resolve(path))?.isDirectory() !== true) {
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

/** Returns the path of an address such as `file:///photos/cat.jpg`; undefined for one that names no file of this machine. */
function pathOfAddress(address: string): string | undefined {
  try {
    return fileURLToPath(address);
  } catch {
    return undefined;
  }
}

function* imagesOf(word: string): Generator<FoundImage, void> {
  if (word === STANDARD_INPUT) {
    yield { name: word, kind: 'standard input' };
    return;
  }
  if (isAddress(word)) {
    yield { name: word, kind: 'address' };
    return;
  }
  if (word === '') {
    yield faulty(word, 'expected the name of an image, got an empty one');
    return;
  }
  try {
    if (statSync(resolve(word), { throwIfNoEntry: false }) !== undefined) {
      yield* imagesAt(word);
      return;
    }
  } catch (error) {
    // A pattern may be longer than a name of a file can be.
    if (!isPattern(word)) {
      yield faulty(word, `${word}: ${systemReason(error)}`);
      return;
    }
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(word)) {
    const path = pathOfAddress(word);
    if (path !== undefined) yield* imagesAt(path);
    else yield faulty(word, `${word}: expected an address of http, https or file`);
    return;
  }
  const paths = isPattern(word) ? matchingPaths(word) : [];
  for (const path of paths) yield* imagesAt(path);
  if (paths.length > 0) return;
  yield faulty(word, isPattern(word) ? `${word}: no file matches this pattern` : `${word}: there is no such file`);
}

/**
 * Returns the images that words stand for, in order, as a shell and `curl` would find them: files, the images of folders and of
 * their folders, patterns such as `photos/*.jpg`, addresses of http and https, and `-` for standard input. A word without
 * an image has a fault. A file that exists wins over a pattern: `[1].jpg` is a possible name.
 * @throws VggError `VGG_ARGUMENT` when standard input is named twice.
 */
export function findImages(words: readonly string[]): FoundImage[] {
  if (words.filter((word) => word === STANDARD_INPUT).length > 1) {
    throw new VggError('argument', `expected ${STANDARD_INPUT}, standard input, once: it holds one image`);
  }
  return words.flatMap((word) => [...imagesOf(word)]);
}

/**
 * Reads or fetches a found image and decodes it.
 * @param minSide smallest side in pixels that is needed: a larger image may be decoded reduced. Default the full size.
 * @throws VggError `VGG_IMAGE` for a fault or an image that cannot be decoded; `VGG_IO` for one that cannot be read or fetched.
 */
export async function readFoundImage(
  { name, kind, path = name, fault }: FoundImage,
  minSide?: number,
): Promise<RawImage> {
  if (fault !== undefined) throw new VggError('image', fault);
  if (kind === 'file') return decodeImage({ kind: 'file', path: resolve(path) }, { name, minSide });
  if (kind === 'address') return decodeImage(await fetchImage(name), { name, minSide });
  return decodeImage(await readStandardInput(), { name: 'standard input', minSide });
}
