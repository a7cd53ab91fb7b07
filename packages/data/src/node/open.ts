/** Opens a data set on disk in any of the supported layouts. */
import { basename, dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../source';
import { splitByClass } from '../split';
import { readableName } from './byte-names';
import { statsOf } from './file-stats';
import { isCifar, openCifar } from './sources/cifar';
import { notesOnClasses } from './sources/class-notes';
import { fileKind, isImageName, isTar } from './sources/files';
import { hasImages, noClassFolders, openClasses } from './sources/folders';
import { hasImagenetLabels, openImagenetValidation } from './sources/imagenet';
import { type FolderLayout, innerPartFolders, layoutOf, wrapped } from './sources/layout';
import { divideByLists, type ListFile, listsIn } from './sources/lists';
import { PARTS, type Part, partOfShard } from './sources/parts';
import { expandBraces, hasSamples, openShards } from './sources/shards';
import { openTables } from './sources/tables';
import { type Child, type Folder, readTree } from './sources/tree';
import { Account, type UnusedFiles } from './sources/unused';

/** Layouts that a caller can choose. */
export const LAYOUTS = ['auto', 'folders', 'parts', 'table', 'shards', 'cifar'] as const;
export type Layout = (typeof LAYOUTS)[number];

export interface OpenOptions {
  /** Fraction of each class to split off if the data set has no validation part, in (0, 1). Default: no split. */
  readonly validationFraction?: number | undefined;
  /** Random seed of that split. Default: the split depends on the keys of the images alone. */
  readonly seed?: number | undefined;
  /**
   * Layout: `folders` (every folder is a class), `parts` (train/ and so on), `table` (classes in a table such as labels.csv),
   * `shards`, `cifar`. Default `auto`, which recognises it.
   */
  readonly layout?: Layout | undefined;
  /** True if class folders may have no images: for evaluation. Default false. */
  readonly allowEmptyClasses?: boolean | undefined;
}

/** A data set: its parts, at least one of them. */
export interface DataSet {
  /** Name of the layout: `class folders`, `ILSVRC-2012`, `table of labels`, `tar shards`, `CIFAR-10`, `CIFAR-100`. */
  readonly layout: string;
  readonly classes: readonly string[];
  readonly train?: ImageSource | undefined;
  readonly validation?: ImageSource | undefined;
  /** Test part, next to a validation part or in place of it. It may have other classes than the other parts. */
  readonly test?: ImageSource | undefined;
  /** Lines about how the content was understood, where another meaning is possible. */
  readonly notes: readonly string[];
  /** Files that are not used, by reason: every other file is. */
  readonly unused: readonly UnusedFiles[];
}

type Sources = Partial<Record<Part, ImageSource | undefined>>;

interface Opened {
  readonly layout: string;
  readonly parts: Sources;
  readonly classes?: readonly string[];
}

const EXPECTED =
  'expected class folders (one folder of images a class, or train/ and val/ with such), images with a table of labels ' +
  '(labels.csv), the ILSVRC-2012 layout, tar shards ' +
  '(*.tar, WebDataset naming), or the CIFAR-10 or CIFAR-100 binaries';

/**
 * Opens a folder, a tar file or a pattern of tar files such as `train-{000..041}.tar`. Looks for these layouts in turn:
 * - CIFAR binaries;
 * - tar shards (their names may name a part), unless class folders lie next to archives without samples;
 * - a table such as `labels.csv` with the classes of images that are not in class folders;
 * - folders named as parts (train, val, test and their usual variants) with class folders, shards or ILSVRC-2012's images;
 * - class folders; lists such as `train.txt` and `val.txt` divide them into parts.
 * @throws VggError `VGG_DATASET` if there is no usable data set; `VGG_ARGUMENT` for a fraction out of range.
 */
export async function openSource(path: string, options: OpenOptions = {}): Promise<DataSet> {
  const { validationFraction, seed } = options;
  const set = await new Opener(path, options).open();
  if (validationFraction === undefined || set.validation || !set.train) return set;
  return { ...set, ...splitByClass(set.train, validationFraction, seed) };
}

class Opener {
  readonly #path: string;
  readonly #layout: Layout;
  readonly #allowEmpty: boolean;
  readonly #account = new Account();
  readonly #notes = this.#account.notes;
  readonly #lists: ListFile[] = [];

  constructor(path: string, { layout = 'auto', allowEmptyClasses = false }: OpenOptions) {
    this.#path = path;
    this.#layout = layout;
    this.#allowEmpty = allowEmptyClasses;
  }

  async open(): Promise<DataSet> {
    const { layout, parts, classes } = await this.#detect();
    const { train, validation, test } = parts;
    const names = classes ?? (train ?? validation ?? test)!.classes;
    if (!this.#allowEmpty) for (const note of notesOnClasses(parts)) this.#notes.push(note);
    return { layout, classes: names, train, validation, test, notes: this.#notes, unused: this.#account.unused };
  }

  #fail(reason: string): VggError {
    return new VggError('dataset', `${readableName(this.#path)} ${reason}`);
  }

  async #detect(): Promise<Opened> {
    const path = this.#path;
    if (isTar(path)) {
      const shards = expandBraces(basename(path)).map((name) => join(dirname(path), name));
      return this.#openShards(shards);
    }
    if (statsOf(path)?.isFile()) {
      const isPacked = fileKind(path) === 'archive';
      throw this.#fail(isPacked ? 'is a compressed archive: unpack it first' : `is a file but not a .tar: ${EXPECTED}`);
    }
    const tree = await readTree(path);
    return (await this.#openTables(path, tree)) ?? this.#openFolder(path, tree, '');
  }

  /** Opens images by tables of labels; undefined if the folders, shards or binaries are to be used. */
  async #openTables(path: string, tree: Folder): Promise<Opened | undefined> {
    const isWanted = this.#layout === 'table';
    if (!isWanted && (this.#layout !== 'auto' || isCifar(tree.files) || hasImagenetLabels(path, 'val')))
      return undefined;
    const tar = tree.files.find(isTar);
    if (!isWanted && tar !== undefined && (!hasImages(tree) || (await hasSamples(join(path, tar))))) return undefined;
    const parts = await openTables(path, tree, this.#account, isWanted);
    return parts && { layout: 'table of labels', parts };
  }

  async #openFolder(path: string, folder: Folder, below: string): Promise<Opened> {
    const isAuto = this.#layout === 'auto';
    const inner = isAuto ? wrapper(folder) : undefined;
    if (inner) {
      for (const list of listsIn(path, folder, below)) this.#lists.push(list);
      this.#account.addLeft(folder, below);
      this.#account.addFiles(folder, below, 'outside');
      for (const child of folder.folders) {
        if (child !== inner) this.#account.addAll(child.folder, `${below}${child.name}/`, 'folder');
      }
      this.#notes.push(
        `the data set is taken from ${readableName(join(path, inner.name))}, the only folder with images`,
      );
      return this.#openFolder(join(path, inner.name), inner.folder, `${below}${inner.name}/`);
    }
    if (this.#layout === 'cifar' || (isAuto && isCifar(folder.files))) return this.#openCifar(path, folder, below);
    if (this.#layout === 'shards' || (isAuto && (await this.#isShards(path, folder)))) {
      const tars = folder.files.filter(isTar);
      if (tars.length > 0) return this.#openShardFolder(path, folder, below);
      if (!isAuto && !folder.folders.some((child) => child.folder.files.some(isTar))) {
        throw this.#fail('holds no .tar files: leave out the layout "shards"');
      }
    }
    return this.#openFolders(path, folder, below);
  }

  /** True if the archives of a folder are its images: there are no class folders next to them, or they hold samples. */
  async #isShards(path: string, { files, folders }: Folder): Promise<boolean> {
    const tars = files.filter(isTar);
    if (tars.length === 0) return false;
    if (!folders.some((child) => hasImages(child.folder) || child.folder.files.some(isTar))) return true;
    const isChosen = await hasSamples(join(path, tars[0]!));
    const [used, other] = isChosen ? ['shards', 'folders'] : ['folders', 'shards'];
    this.#notes.push(
      `${readableName(path)} holds folders of images and ${tars.length} .tar files such as ${readableName(tars[0]!)}: the ` +
        `${used === 'shards' ? 'archives' : 'folders'} are used; for the others: --layout ${other}`,
    );
    return isChosen;
  }

  async #openCifar(path: string, folder: Folder, below: string): Promise<Opened> {
    if (!isCifar(folder.files)) throw this.#fail('holds no CIFAR binaries: expected data_batch_1.bin or train.bin');
    const { layout, classes, train, validation, used } = await openCifar(path, folder.files);
    this.#account.addLeft(folder, below);
    const rest = folder.files.filter((name) => !used.includes(name));
    this.#account.addFiles({ files: rest }, below, 'layout');
    this.#leaveFolders(folder, below);
    return { layout, classes, parts: { train, validation } };
  }

  /** Counts the folders next to files that are the data set. */
  #leaveFolders({ folders }: Folder, below: string): void {
    const withImages = folders.filter((child) => hasImages(child.folder));
    if (withImages.length > 0 && this.#notes.length === 0) {
      this.#notes.push(
        `${withImages.length} folders of images, such as ${readableName(withImages[0]!.name)}, are not used; to use them ` +
          'instead: --layout folders or --layout parts',
      );
    }
    for (const { name, folder } of folders) this.#account.addAll(folder, `${below}${name}/`, 'layout');
  }

  async #openShardFolder(path: string, folder: Folder, below: string): Promise<Opened> {
    this.#account.addLeft(folder, below);
    const rest = folder.files.filter((name) => !isTar(name) && name !== 'classes.txt');
    this.#account.addFiles({ files: rest }, below, 'layout');
    this.#leaveFolders(folder, below);
    return this.#openShards(folder.files.filter(isTar).map((name) => join(path, name)));
  }

  /** Opens shards. A part is recognised by a word in the names; other shards are for training. */
  async #openShards(shards: readonly string[]): Promise<Opened> {
    const partOf = (shard: string) => partOfShard(basename(shard)) ?? 'train';
    const unnamed = shards.filter((shard) => partOfShard(basename(shard)) === undefined);
    if (unnamed.length > 0 && unnamed.length < shards.length) {
      this.#notes.push(
        `${unnamed.length} shards without a part in their name, such as ${basename(unnamed[0]!)}: for training`,
      );
    }
    const parts: Sources = {};
    for (const part of PARTS) {
      const own = shards.filter((shard) => partOf(shard) === part);
      if (own.length > 0) parts[part] = await openShards(own, this.#classesFor(part, parts), this.#account);
    }
    return { layout: 'tar shards', parts };
  }

  /** Returns the classes that a part must have: those of the training part, except for a test part. */
  #classesFor(part: Part, { train }: Sources): readonly string[] | undefined {
    return part === 'test' ? undefined : train?.classes;
  }

  async #openFolders(path: string, folder: Folder, below: string): Promise<Opened> {
    if (folder.folders.length === 0) {
      if (folder.files.some(isImageName)) throw noClassFolders(path, folder, 'data set');
      const archive = folder.files.find((name) => fileKind(name) === 'archive');
      const hint = archive === undefined ? '' : `; unpack ${readableName(archive)} first`;
      throw this.#fail(`holds no data set: ${EXPECTED}${hint}`);
    }
    const wanted = this.#layout === 'folders' || this.#layout === 'parts' ? this.#layout : undefined;
    const found = layoutOf(path, folder, wanted);
    if (found.note) this.#notes.push(readableName(found.note));
    if (found.kind === 'parts') return this.#openParts(path, folder, below, found);
    const classFolders = { path, folder, below, allowEmpty: this.#allowEmpty };
    if (found.kind === 'folders') {
      const source = openClasses(classFolders, this.#account);
      const lists = wanted === undefined ? [...this.#lists, ...listsIn(path, folder, below)] : [];
      const divided = lists.length > 0 ? await divideByLists(source, lists, this.#account, below) : undefined;
      return { layout: 'class folders', parts: divided ?? { train: source } };
    }
    this.#notes.push(`each class holds the parts ${found.parts.map(({ part }) => part).join(', ')}`);
    const parts: Sources = {};
    for (const part of PARTS.filter((name) => found.parts.some((one) => one.part === name))) {
      const only = (child: Child) => innerPartFolders(child, part);
      // The content of the data set's own folder is counted once.
      const own = part === 'train' ? folder : { ...folder, files: [], left: [] };
      const { classes } = parts.train ?? {};
      const allowEmpty = this.#allowEmpty || part !== 'train';
      parts[part] = openClasses({ ...classFolders, folder: own, classes, only, allowEmpty }, this.#account);
    }
    for (const child of folder.folders) this.#leaveOutsideParts(child.folder, `${below}${child.name}/`);
    return { layout: 'class folders', parts };
  }

  /** Counts the content of a class folder outside its parts. */
  #leaveOutsideParts(folder: Folder, below: string): void {
    this.#account.addLeft(folder, below);
    this.#account.addFiles(folder, below, 'outside');
    const used = PARTS.flatMap((part) => innerPartFolders({ name: '', folder, isLink: false }, part));
    for (const child of folder.folders) {
      if (!used.includes(child)) this.#account.addAll(child.folder, `${below}${child.name}/`, 'folder');
    }
  }

  async #openParts(path: string, root: Folder, below: string, found: FolderLayout): Promise<Opened> {
    if (found.parts.length === 0) {
      throw this.#fail('has no folder that is named as a part: expected train, val or test');
    }
    this.#account.addLeft(root, below);
    this.#account.addFiles(root, below, 'outside');
    for (const { name, folder } of found.others) this.#account.addAll(folder, `${below}${name}/`, 'folder');
    for (const { part, child } of found.second) {
      this.#account.addAll(child.folder, `${below}${child.name}/`, 'part');
      const used = found.parts.find((one) => one.part === part)!.child.name;
      if (hasImages(child.folder)) this.#notes.push(`${child.name} is not used: ${used} is the ${part} part`);
    }
    const parts: Sources = {};
    let layout = 'class folders';
    for (const part of PARTS) {
      const child = found.parts.find((one) => one.part === part)?.child;
      if (child === undefined) continue;
      const opened = await this.#openPart(part, join(path, child.name), child, `${below}${child.name}/`, path, parts);
      parts[part] = opened?.source;
      if (opened !== undefined && opened.layout !== 'class folders') layout = opened.layout;
    }
    if (PARTS.every((part) => parts[part] === undefined)) {
      throw this.#fail(`holds no images: ${EXPECTED}`);
    }
    return { layout, parts };
  }

  async #openPart(
    part: Part,
    path: string,
    { name, folder: outer }: Child,
    outerBelow: string,
    root: string,
    parts: Sources,
  ): Promise<{ layout: string; source: ImageSource } | undefined> {
    const classes = this.#classesFor(part, parts);
    let folder = outer;
    let at = path;
    let below = outerBelow;
    const inner = wrapped(folder);
    if (inner && !(parts.train?.classes ?? []).includes(readableName(inner.name))) {
      this.#account.addLeft(folder, below);
      this.#account.addFiles(folder, below, 'outside');
      for (const child of folder.folders) {
        if (child !== inner) this.#account.addAll(child.folder, `${below}${child.name}/`, 'folder');
      }
      folder = inner.folder;
      at = join(path, inner.name);
      below = `${below}${inner.name}/`;
    }
    const tars = folder.files.filter(isTar);
    if (await this.#isShards(at, folder)) {
      this.#account.addLeft(folder, below);
      this.#account.addFiles({ files: folder.files.filter((file) => !isTar(file)) }, below, 'layout');
      for (const child of folder.folders) this.#account.addAll(child.folder, `${below}${child.name}/`, 'layout');
      const shards = tars.map((file) => join(at, file));
      return { layout: 'tar shards', source: await openShards(shards, classes, this.#account) };
    }
    const hasClasses = folder.folders.some((child) => hasImages(child.folder));
    if (part === 'validation' && !hasClasses && folder.files.some(isImageName)) {
      this.#account.addLeft(folder, below);
      this.#account.addFiles({ files: folder.files.filter((file) => !isImageName(file)) }, below, 'outside');
      for (const child of folder.folders) this.#account.addAll(child.folder, `${below}${child.name}/`, 'folder');
      return { layout: 'ILSVRC-2012', source: await openImagenetValidation({ root, part: name, folder, classes }) };
    }
    if (part !== 'train' && !hasClasses) {
      if (hasImages(folder)) this.#notes.push(`${readableName(name)} is not used: its images have no class folders`);
      else this.#notes.push(`${readableName(name)} is not used: it holds no images`);
      this.#account.addAll(folder, below, 'unlabelled');
      return undefined;
    }
    const allowEmpty = this.#allowEmpty || part !== 'train';
    return {
      layout: 'class folders',
      source: openClasses({ path: at, folder, below, classes, allowEmpty }, this.#account),
    };
  }
}

/** Returns the folder inside a folder that holds the data set, if the outer one only wraps it. */
function wrapper(folder: Folder): Child | undefined {
  if (isCifar(folder.files)) return undefined;
  const [only, ...more] = folder.folders;
  if (only !== undefined && more.length === 0 && isCifar(only.folder.files)) return only;
  const inner = wrapped(folder);
  const isPart = inner !== undefined && layoutOf('', folder).kind === 'parts';
  return isPart ? undefined : inner;
}
