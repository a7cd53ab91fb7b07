/** Opens class folders: one folder for each class, named after it, with images at any depth. */
import { join, sep } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { readableName } from '../byte-names';
import { ClassPlaces } from './class-places';
import { companionFolders, companionsAmong } from './companions';
import { FileList } from './file-list';
import { byName, fileKind, isImageName } from './files';
import { addReal, type Child, type Folder, readTree } from './tree';
import { Account } from './unused';

/** A folder of class folders, and how to open it. */
export interface ClassFolders {
  /** Path in messages, from which the images are read. */
  readonly path: string;
  readonly folder: Folder;
  /** Path of `folder` relative to the data set, empty or with a `/` at its end. */
  readonly below: string;
  /** Names of the classes, if another part of the data set has fixed them. Default: the names of the folders. */
  readonly classes?: readonly string[] | undefined;
  /** True if classes may have no images. */
  readonly allowEmpty?: boolean | undefined;
  /**
   * Returns the folders of a class to open. Default: the class folder itself.
   * @param child the class folder.
   */
  readonly only?: ((child: Child) => readonly Child[]) | undefined;
}

/** Returns true if there is an image in a folder or below it. */
export function hasImages(folder: Folder, seen: Set<string> = new Set()): boolean {
  if (seen.has(folder.real)) return false;
  seen.add(folder.real);
  return folder.files.some(isImageName) || folder.folders.some((child) => hasImages(child.folder, seen));
}

/**
 * Opens the images of class folders, sorted by class and path: in each folder first its files, then its folders.
 * @throws VggError `VGG_DATASET` if there are no class folders, a class has no images, or a class is not among `classes`.
 */
export function openClasses(options: ClassFolders, account: Account): ImageSource {
  const { path, folder, below, classes, allowEmpty = false, only = (child) => [child] } = options;
  if (folder.folders.length === 0) throw noClassFolders(path, folder);
  account.addLeft(folder, below);
  account.addFiles(folder, below, 'outside');
  const names = classes ?? folder.folders.map(({ name }) => readableName(name));
  const places = new ClassPlaces(names);
  const taken = new Map<number, Child>();
  const list = new FileList(path);
  const seen = new Set<string>();
  for (const child of folder.folders) if (!child.isLink) addReal(child.folder, seen);
  for (const child of folder.folders) {
    const where = readableName(join(path, child.name));
    const label = places.of(readableName(child.name));
    if (label === undefined) {
      if (!hasImages(child.folder)) {
        account.addAll(child.folder, `${below}${child.name}/`, 'folder');
        continue;
      }
      throw new VggError('dataset', `${where} is a class that the training set does not have`);
    }
    const twin = taken.get(label);
    if (twin !== undefined && hasImages(child.folder)) {
      throw new VggError(
        'dataset',
        `two folders of ${readableName(path)} are the class ${names[label]}, with names that differ in Unicode form or capitals: ` +
          'join them or rename one',
      );
    }
    if (hasImages(child.folder)) taken.set(label, child);
    const before = list.length;
    const visited = new Set<string>();
    for (const { name, folder: own } of only(child)) {
      const inside = own === child.folder ? child.name : `${child.name}${sep}${name}`;
      addImages(list, own, inside + sep, label, { seen, visited, account, below });
    }
    if (list.length === before && !allowEmpty) {
      throw new VggError(
        'dataset',
        `the class folder ${where} holds no images: fill it or remove it${contentOf(child.folder)}`,
      );
    }
  }
  for (const note of [places.noteFor(path), noteOfLinks(path, folder)]) {
    if (note !== undefined) account.notes.push(note);
  }
  return list.source(path, names);
}

/** Builds the error for a folder of which the images, if any, have no classes. @param kind what was expected there. */
export function noClassFolders(path: string, { files }: Folder, kind = 'class folders'): VggError {
  const count = files.filter(isImageName).length;
  const found = count === 0 ? '' : `, but ${count} ${count === 1 ? 'image' : 'images'} without a class`;
  const table = files.find((name) => /\.(csv|tsv|txt|json|xlsx?)$/i.test(name));
  const unread =
    table === undefined
      ? ''
      : `; labels in files such as ${readableName(table)} are not read: write them into labels.csv`;
  return new VggError(
    'dataset',
    `${readableName(path)} holds no ${kind}${found}: expected one folder of images for each class, such as ` +
      `cat/1.jpg${unread}`,
  );
}

/** Returns a line about a class folder that is a link to the folder of another class, if there is one. */
function noteOfLinks(path: string, { folders }: Folder): string | undefined {
  const byPlace = new Map<string, string>();
  for (const { name, folder } of folders) {
    const other = byPlace.get(folder.real);
    if (other !== undefined && hasImages(folder)) {
      const names = [other, name].map(readableName).sort(byName).join(' and ');
      return `the classes ${names} of ${readableName(path)} are the same folder, by a link`;
    }
    byPlace.set(folder.real, name);
  }
  return undefined;
}

/** Says which files lie in a folder without images. */
function contentOf(folder: Folder): string {
  const names = folder.files.filter((name) => fileKind(name) !== 'image');
  const first = names.find((name) => fileKind(name) === 'format') ?? names[0];
  return first === undefined
    ? ''
    : ` (none of its ${names.length} files, such as ${readableName(first)}, is an image that is read)`;
}

interface Traversal {
  /** Real paths of folders that were read for any class, or will be. */
  readonly seen: Set<string>;
  /** Real paths of folders that were read for this class. */
  readonly visited: Set<string>;
  readonly account: Account;
  /** Path of the class folders relative to the data set. */
  readonly below: string;
}

function addImages(list: FileList, folder: Folder, inside: string, label: number, traversal: Traversal): void {
  const { seen, visited, account, below } = traversal;
  const path = below + inside;
  seen.add(folder.real);
  visited.add(folder.real);
  account.addLeft(folder, path);
  const companions = companionsAmong(folder.files);
  const isOwn = (name: string) => isImageName(name) && !companions.has(name);
  list.add(inside, folder.files.filter(isOwn), label);
  account.addFiles({ files: folder.files.filter((name) => !isOwn(name)) }, path, 'companion');
  const others = companionFolders(folder.folders);
  for (const child of folder.folders) {
    if (others.has(child)) account.addAll(child.folder, `${path}${child.name}${sep}`, 'companion');
    else if ((child.isLink ? seen : visited).has(child.folder.real)) account.add('second link', path + child.name);
    else addImages(list, child.folder, `${inside}${child.name}${sep}`, label, traversal);
  }
}

/**
 * Opens the images of class folders, sorted by class and path.
 * @param classes names of the classes, if another part of the data set has fixed them. Default: the names of the folders.
 * @throws VggError `VGG_DATASET` if the folder is missing or has no class folders, a class has no images, or a class is not
 *   among `classes`.
 */
export async function openClassFolders(path: string, classes?: readonly string[]): Promise<ImageSource> {
  return openClasses({ path, folder: await readTree(path), below: '', classes }, new Account());
}
