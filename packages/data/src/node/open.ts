/** Opens a data set on disk in any of the supported layouts. */
import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../source';
import { splitByClass } from '../split';
import { isCifar, openCifar } from './sources/cifar';
import { isImageName, listFolder } from './sources/files';
import { openClassFolders } from './sources/folders';
import { openImagenetValidation } from './sources/imagenet';
import { expandBraces, openShards } from './sources/shards';

export interface OpenOptions {
  /** Fraction of each class to split off if the data set has no validation part, in (0, 1). Default: no split. */
  readonly validationFraction?: number | undefined;
  /** Random seed of that split. Default: the split depends on the keys of the images alone. */
  readonly seed?: number | undefined;
}

/** A data set: its training part and its validation part, at least one of them. */
export interface DataSet {
  /** Name of the layout: `class folders`, `ILSVRC-2012`, `tar shards`, `CIFAR-10`, `CIFAR-100`. */
  readonly layout: string;
  readonly classes: readonly string[];
  readonly train?: ImageSource | undefined;
  readonly validation?: ImageSource | undefined;
}

const EXPECTED =
  'expected class folders (one folder of images a class, or train/ and val/ with such), the ILSVRC-2012 layout, tar shards ' +
  '(*.tar, WebDataset naming), or the CIFAR-10 or CIFAR-100 binaries';

/**
 * Opens a folder, a tar file or a pattern of tar files such as `train-{000..041}.tar`. Looks for these layouts in turn:
 * - CIFAR binaries;
 * - tar shards in one folder (names that begin with `val` are for validation), or in `train/` and `val/`;
 * - `train/` with class folders and `val/` with images (ILSVRC-2012) or class folders;
 * - class folders.
 * @throws VggError `VGG_DATASET` if there is no usable data set; `VGG_ARGUMENT` for a fraction out of range.
 */
export async function openSource(path: string, { validationFraction, seed }: OpenOptions = {}): Promise<DataSet> {
  const set = await detect(path);
  if (validationFraction === undefined || set.validation || !set.train) return set;
  return { ...set, ...splitByClass(set.train, validationFraction, seed) };
}

async function detect(path: string): Promise<DataSet> {
  if (path.endsWith('.tar')) return openShardSet(expandBraces(basename(path)).map((name) => join(dirname(path), name)));
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new VggError('dataset', `${path} is a file but not a .tar: ${EXPECTED}`);
  }
  const { folders, files } = await listFolder(path);
  if (isCifar(files)) return openCifar(path, files);
  const tars = files.filter((file) => file.endsWith('.tar'));
  if (tars.length > 0) return openShardSet(tars.map((file) => join(path, file)));
  if (folders.includes('train') || folders.includes('val')) return openParts(path, folders);
  if (folders.length === 0) throw new VggError('dataset', `${path} holds no data set: ${EXPECTED}`);
  const train = await openClassFolders(path);
  return { layout: 'class folders', classes: train.classes, train };
}

/** Opens shards. Those named `val…` are the validation part. */
async function openShardSet(shards: readonly string[]): Promise<DataSet> {
  const isValidation = (shard: string) => basename(shard).startsWith('val');
  return openShardParts(
    shards.filter((shard) => !isValidation(shard)),
    shards.filter(isValidation),
  );
}

async function openShardParts(trainShards: readonly string[], validationShards: readonly string[]): Promise<DataSet> {
  const train = trainShards.length > 0 ? await openShards(trainShards) : undefined;
  const validation = validationShards.length > 0 ? await openShards(validationShards, train?.classes) : undefined;
  return dataSet('tar shards', train, validation);
}

/** Opens the folders `train/` and `val/`. */
async function openParts(path: string, folders: readonly string[]): Promise<DataSet> {
  const list = async (name: string) => (folders.includes(name) ? listFolder(join(path, name)) : undefined);
  const trainContent = await list('train');
  const validationContent = await list('val');
  const tars = (name: string, files: readonly string[] = []) =>
    files.filter((file) => file.endsWith('.tar')).map((file) => join(path, name, file));
  const trainShards = tars('train', trainContent?.files);
  const validationShards = tars('val', validationContent?.files);
  if (trainShards.length + validationShards.length > 0) return openShardParts(trainShards, validationShards);

  const train = trainContent && (await openClassFolders(join(path, 'train')));
  if (validationContent?.folders.length === 0 && validationContent.files.some(isImageName)) {
    return dataSet('ILSVRC-2012', train, await openImagenetValidation(path, train?.classes));
  }
  const validation = validationContent && (await openClassFolders(join(path, 'val'), train?.classes));
  return dataSet('class folders', train, validation);
}

function dataSet(layout: string, train: ImageSource | undefined, validation: ImageSource | undefined): DataSet {
  const { classes } = (train ?? validation)!;
  return { layout, classes, train, validation };
}
