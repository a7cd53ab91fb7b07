/** Finds images by the names that a table gives them: paths from any folder on, with or without an extension. */
import { posix } from 'node:path';
import { isImageName } from './files';
import { namedParts, type Part } from './parts';

/** An image of a tree. */
export interface TreeImage {
  /** Path of its folder relative to the data set, empty or with a `/` at its end. */
  readonly folder: string;
  readonly name: string;
}

/** Why a name that has the end of an image's path is refused. */
export type NameFault = 'absolute' | 'outside' | 'several';

/** Returns a name with `/` between folders, in one Unicode form. */
function plain(name: string): string {
  return /^[\w./ -]*$/.test(name) ? name : name.replaceAll('\\', '/').normalize();
}

/** Returns a file name without its extension if it is that of an image. */
function stemOf(name: string): string {
  return isImageName(name) ? name.slice(0, name.lastIndexOf('.')) : name;
}

/** Returns true if a name means a file: it is equal but for capitals of the extension, or has no extension. */
function isMeant(name: string, file: string): boolean {
  const stem = stemOf(file);
  return (
    name === stem || (stemOf(name) === stem && posix.extname(name).toLowerCase() === posix.extname(file).toLowerCase())
  );
}

/** Returns the part after which the innermost folder of a path is named that is named after one. */
export function partOfFolder(path: string): Part | undefined {
  return path
    .split('/')
    .flatMap((name) => namedParts([name])[0]?.part ?? [])
    .at(-1);
}

/** Number of images of one name from which on they are found by their folder, too. */
const MANY = 16;

/** Indices of images by a name: for a million of them, few lists. */
class Places {
  readonly #places = new Map<string, number | number[]>();

  add(name: string, index: number): void {
    const others = this.#places.get(name);
    if (others === undefined) this.#places.set(name, index);
    else if (typeof others === 'number') this.#places.set(name, [others, index]);
    else others.push(index);
  }

  get(name: string): readonly number[] {
    const found = this.#places.get(name) ?? [];
    return typeof found === 'number' ? [found] : found;
  }

  /** Lists of more than {@link MANY} images. */
  get long(): readonly (readonly number[])[] {
    return [...this.#places.values()].filter((found) => typeof found !== 'number' && found.length > MANY) as number[][];
  }
}

export class ImageNames {
  readonly #images: readonly TreeImage[];
  /** Images by their file names without extension. */
  readonly #byStem = new Places();
  /** Images of a frequent name by the names of their folder and themselves. */
  readonly #byParent = new Places();
  readonly #folderNames = new Set<string>();
  readonly #parts = new Map<string, Part | undefined>();

  constructor(images: readonly TreeImage[]) {
    this.#images = images;
    for (const [i, { folder, name }] of images.entries()) {
      this.#byStem.add(stemOf(plain(name)), i);
      if (this.#parts.has(folder)) continue;
      this.#parts.set(folder, partOfFolder(folder));
      for (const word of plain(folder).split('/')) this.#folderNames.add(word);
    }
    for (const i of this.#byStem.long.flat()) {
      const { folder, name } = images[i]!;
      this.#byParent.add(`${posix.basename(plain(folder))}/${stemOf(plain(name))}`, i);
    }
  }

  /**
   * Returns the image that a name means; undefined if there is none.
   * @param below path of the table's folder: of several images, that with the name in this folder is meant.
   * @param part of the row: else that in a folder of the part.
   */
  find(given: string, below: string, part: Part = 'train'): number | NameFault | undefined {
    const name = plain(given);
    if (/^(\/|[a-z]:\/)/i.test(name)) return this.#named(posix.basename(name)).length > 0 ? 'absolute' : undefined;
    const path = posix.normalize(name.split('/').includes('..') ? below + name : name);
    if (path.startsWith('../')) return this.#named(posix.basename(path)).length > 0 ? 'outside' : undefined;
    const found = this.#named(path);
    if (found.length <= 1) return found[0];
    const here = posix.normalize(below + path);
    const exact = found.filter((i) => isMeant(here, plain(this.pathOf(i))));
    const own = exact.length === 1 ? exact : found.filter((i) => this.#parts.get(this.#images[i]!.folder) === part);
    return own.length === 1 ? own[0] : 'several';
  }

  /** Returns the path of an image relative to the data set. */
  pathOf(index: number): string {
    const { folder, name } = this.#images[index]!;
    return folder + name;
  }

  /** Returns the part after which a folder of an image is named. */
  partOf(index: number): Part | undefined {
    return this.#parts.get(this.#images[index]!.folder);
  }

  /** Returns the images whose paths have the longest common end with a path; of a frequent name, a few. */
  #named(path: string): readonly number[] {
    const [base, ...outer] = path.split('/').reverse() as [string, ...string[]];
    const stem = stemOf(base);
    const known = this.#byStem.get(stem);
    const near = known.length > MANY && outer.length > 0 ? this.#byParent.get(`${outer[0]}/${stem}`) : known;
    let found: number[] = [];
    let longest = 0;
    for (const i of near.length > 0 ? near : known.slice(0, MANY)) {
      const { folder, name } = this.#images[i]!;
      if (!isMeant(base, plain(name))) continue;
      const own = plain(folder).split('/').slice(0, -1).reverse();
      let common = 0;
      while (common < outer.length && outer[common] === own[common]) common += 1;
      // A folder of the data set that the name has is not replaced by another one.
      if (this.#folderNames.has(outer[common] ?? '/')) continue;
      if (common > longest) found = [];
      if (common >= longest) found.push(i);
      longest = Math.max(longest, common);
    }
    return found;
  }
}
