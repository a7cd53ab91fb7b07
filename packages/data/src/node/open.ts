/** Opens a data set on disk, whichever layout it has. */
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
  /** Where the data set has no validation part of its own: the fraction of each class to split off, in (0, 1). */
  readonly validationFraction?: number;
  /** Draws that split; 0 unless given. */
  readonly seed?: number;
}

/** A data set: its training part and its validation part, at least one of them. */
export interface DataSet {
  /** What was found: `class folders`, `ILSVRC-2012`, `tar shards`, `CIFAR-10`, `CIFAR-100`. */
  readonly layout: string;
  readonly classes: readonly string[];
  readonly train?: ImageSource;
  readonly validation?: ImageSource;
}

const EXPECTED =
  'expected class folders (one folder of images a class, or train/ and val/ with such), the ILSVRC-2012 layout, tar shards ' +
  '(*.tar, WebDataset naming), or the CIFAR-10 or CIFAR-100 binaries';

/**
 * Opens a folder, a tar file or a pattern of tar files such as `train-{000..041}.tar`. The first of these that is there is
 * the data set: CIFAR binaries; tar shards (in `train/` and `val/`, or with names that begin with these); `train/` and
 * `val/`, the latter flat (ILSVRC-2012) or of class folders; class folders.
 * @throws VggError `VGG_DATASET` when nothing usable is there, naming what was expected; `VGG_ARGUMENT` for a fraction
 *   out of range.
 */
export async function openSource(path: string, { validationFraction, seed = 0 }: OpenOptions = {}): Promise<DataSet> {
  const found = await detect(path);
  if (validationFraction === undefined || found.validation || !found.train) return found;
  return { ...found, ...splitByClass(found.train, validationFraction, seed) };
}

async function detect(path: string): Promise<DataSet> {
  if (path.endsWith('.tar')) return openShardSet(expandBraces(basename(path)).map((name) => join(dirname(path), name)));
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new VggError('dataset', `${path} is a file that is no .tar: ${EXPECTED}`);
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

/** Shards of which those named `val…` are the validation part. */
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

/** `train/` and `val/`. */
async function openParts(path: string, folders: readonly string[]): Promise<DataSet> {
  const listing = async (name: string) => (folders.includes(name) ? listFolder(join(path, name)) : undefined);
  const [inTrain, inValidation] = [await listing('train'), await listing('val')];
  const tars = (name: string, files: readonly string[] = []) =>
    files.filter((file) => file.endsWith('.tar')).map((file) => join(path, name, file));
  const shards = [tars('train', inTrain?.files), tars('val', inValidation?.files)] as const;
  if (shards[0].length + shards[1].length > 0) return openShardParts(...shards);

  const train = inTrain && (await openClassFolders(join(path, 'train')));
  const flat = inValidation && inValidation.folders.length === 0 && inValidation.files.some(isImageName);
  if (flat) return dataSet('ILSVRC-2012', train, await openImagenetValidation(path, train?.classes));
  const validation = inValidation && (await openClassFolders(join(path, 'val'), train?.classes));
  return dataSet('class folders', train, validation);
}

function dataSet(layout: string, train: ImageSource | undefined, validation: ImageSource | undefined): DataSet {
  const { classes } = (train ?? validation)!;
  return { layout, classes, ...(train && { train }), ...(validation && { validation }) };
}
