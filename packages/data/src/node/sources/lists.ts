/**
 * Divides class folders by lists that name the images of a part, such as `train.txt` and `val.txt` (docs/decisions/0197). A line
 * names one image by its path from the data set or from the class folders, with or without its extension; a label may follow or
 * precede it.
 */
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { subset } from '../../subset';
import { readableName } from '../byte-names';
import { hasImages } from './folders';
import { namedParts, PARTS, type Part } from './parts';
import { readLines } from './text';
import type { Folder } from './tree';
import type { Account } from './unused';

/** File that may name the images of a part. */
export interface ListFile {
  readonly part: Part;
  /** Path relative to the data set. */
  readonly name: string;
  readonly path: string;
}

const LIST = /\.(txt|lst|csv|tsv)$/i;

/** Returns the lists in a folder and in its folders without images, such as `meta/train.txt`. @param below path of the folder. */
export function listsIn(path: string, folder: Folder, below: string): ListFile[] {
  const files = folder.files.filter((name) => LIST.test(name));
  const stems = new Map(files.map((name) => [name.replace(LIST, ''), name]));
  const own = namedParts([...stems.keys()]).map(({ name: stem, part }) => ({
    part,
    name: below + stems.get(stem)!,
    path: join(path, stems.get(stem)!),
  }));
  const inner = folder.folders.filter((child) => !hasImages(child.folder));
  return [...own, ...inner.flatMap(({ name, folder: one }) => listsIn(join(path, name), one, `${below}${name}/`))];
}

/** Index of each image by the names that a line may give it; -1 for a name that several images have. */
type Names = ReadonlyMap<string, number>;

function namesOf(source: ImageSource): Names {
  const names = new Map<string, number>();
  const add = (name: string, index: number) => {
    const other = names.get(name);
    names.set(name, other === undefined || other === index ? index : -1);
  };
  for (let i = 0; i < source.length; i++) {
    const key = plain(source.key(i));
    const base = key.slice(key.lastIndexOf('/') + 1);
    // A name without a folder and an extension may be a number of anything: it is not added.
    for (const name of new Set([key, base, withoutExtension(key)])) add(name, i);
  }
  return names;
}

function plain(name: string): string {
  return name.replaceAll('\\', '/').normalize();
}

function withoutExtension(name: string): string {
  return name.replace(/\.[^./]*$/, '');
}

/** Returns the image that a path names from any of its folders on. */
function imageAt(path: string, names: Names): number | undefined {
  for (let at = 0; at >= 0 && at < path.length; at = path.indexOf('/', at) + 1 || -1) {
    const index = names.get(path.slice(at));
    if (index !== undefined) return index < 0 ? undefined : index;
  }
  return undefined;
}

/** Returns the image that a line names: the whole line, or without its label, or one of its fields. */
function imageOf(line: string, names: Names): number | undefined {
  const fields = line.split(/[\s,;]+/);
  for (const text of [line, line.replace(/[\s,;]+\S+$/, ''), ...fields]) {
    const index = imageAt(plain(text.replace(/^["']|["']$/g, '')), names);
    if (index !== undefined) return index;
  }
  return undefined;
}

/**
 * Divides images by lists. Without a list of the training part, it has the images that no list names. Says what the lists do, counts
 * images that no list names, and takes used lists out of the account.
 * @returns undefined if no list is used: one of which half of the lines or more name no image is not.
 * @throws VggError `VGG_DATASET` if an image is in the lists of two parts.
 */
export async function divideByLists(
  source: ImageSource,
  lists: readonly ListFile[],
  account: Account,
  below: string,
): Promise<Partial<Record<Part, ImageSource>> | undefined> {
  const names = namesOf(source);
  const from: (ListFile | undefined)[] = new Array(source.length).fill(undefined);
  const used: ListFile[] = [];
  for (const list of lists) {
    const lines = await readLines(list.path);
    const found = lines.map((line) => imageOf(line, names));
    const missing = lines.filter((_, i) => found[i] === undefined);
    if (missing.length >= lines.length / 2) {
      const count = missing.length === lines.length ? 'its' : `${missing.length} of its ${lines.length}`;
      account.notes.push(`${readableName(list.name)} is not used: ${count} lines name no image of the class folders`);
      continue;
    }
    used.push(list);
    // A table has a line with the names of its columns.
    if (missing.length > (/\.[ct]sv$/i.test(list.name) ? 1 : 0)) {
      account.notes.push(
        `${readableName(list.name)}: ${missing.length} of its ${lines.length} lines name no image, such as ` +
          JSON.stringify(missing.at(-1)!.slice(0, 60)),
      );
    }
    for (const index of found) {
      if (index === undefined) continue;
      const other = from[index];
      if (other !== undefined && other.part !== list.part) {
        throw new VggError(
          'dataset',
          `${source.key(index)} is in both ${other.name} and ${list.name}: take it out of one of them, or choose --layout ` +
            'folders to use neither',
        );
      }
      from[index] = list;
    }
  }
  if (used.length === 0) return undefined;
  for (const { name } of used) account.use(name);
  const shown = used.map(({ name }) => readableName(name));
  account.notes.push(`the parts are those of ${shown.join(', ')}; to leave the lists out: --layout folders`);
  const hasTrain = used.some(({ part }) => part === 'train');
  const partOf = (index: number) => from[index]?.part ?? (hasTrain ? undefined : 'train');
  const members = Array.from(from.keys());
  if (hasTrain) for (const i of members) if (from[i] === undefined) account.add('unlisted', below + source.key(i));
  const parts: Partial<Record<Part, ImageSource>> = {};
  for (const part of PARTS) {
    const own = Uint32Array.from(members.filter((index) => partOf(index) === part));
    if (own.length > 0) parts[part] = subset(source, own);
  }
  return parts;
}
