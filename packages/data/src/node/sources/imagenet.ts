/**
 * Opens the ILSVRC-2012 layout: `train/<synset>/*.JPEG`, and `val/*.JPEG` in one folder. The labels of the latter come from the
 * devkit's `ILSVRC2012_validation_ground_truth.txt` with its `meta.mat`, or from Kaggle's `LOC_val_solution.csv`. Classes are
 * synsets (`n01440764`) in sorted order, as in class folders.
 */
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { readableName } from '../byte-names';
import { FileList } from './file-list';
import { byName, isImageName } from './files';
import { readStructArray } from './matlab';
import { firstExisting, readBytes, readLines } from './text';
import type { Folder } from './tree';

const DEVKIT_FOLDERS = ['', 'data', 'devkit/data', 'ILSVRC2012_devkit_t12/data'];
const TRUTH = 'ILSVRC2012_validation_ground_truth.txt';
const SOLUTION = 'LOC_val_solution.csv';

/** Synset of each validation image, by file name without extension. */
type Labels = ReadonlyMap<string, string>;

/** An ILSVRC-2012 folder. */
export interface ImagenetFolder {
  /** The folder that holds `val/` and the devkit. */
  readonly root: string;
  /** Name of the folder of the validation images, such as `val`. */
  readonly part: string;
  readonly folder: Folder;
  /** Synsets of the training set. Default: all synsets of the labels. */
  readonly classes?: readonly string[] | undefined;
}

/** Returns true if a folder has the labels of validation images. */
export function hasImagenetLabels(root: string, part: string): boolean {
  return firstExisting(root, [SOLUTION, ...inDevkit(part, TRUTH)]) !== undefined;
}

function inDevkit(part: string, name: string): string[] {
  return [...DEVKIT_FOLDERS, part].map((folder) => join(folder, name));
}

/**
 * Opens the validation images of an ILSVRC-2012 folder.
 * @throws VggError `VGG_DATASET` if labels are missing or do not match the images.
 */
export async function openImagenetValidation(imagenet: ImagenetFolder): Promise<ImageSource> {
  const { root, part, folder, classes } = imagenet;
  const path = join(root, part);
  const images = folder.files.filter(isImageName);
  const labels = await readLabels(root, part, images);
  const names = classes ?? [...new Set(labels.values())].sort(byName);
  const places = new Map(names.map((name, i) => [name, i]));
  const list = new FileList(path);
  for (const image of images) {
    const synset = labels.get(stem(image));
    const where = readableName(join(path, image));
    if (synset === undefined) throw new VggError('dataset', `${where} has no label in the ground truth`);
    const place = places.get(synset);
    if (place === undefined) {
      throw new VggError('dataset', `${where} is of class ${synset}, which the training set does not have`);
    }
    list.add('', [image], place);
  }
  return list.source(path, names);
}

function stem(image: string): string {
  return image.replace(/\.[^.]*$/, '');
}

async function readLabels(root: string, part: string, images: readonly string[]): Promise<Labels> {
  const solution = firstExisting(root, [SOLUTION]);
  if (solution) return readSolution(solution);
  const truth = firstExisting(root, inDevkit(part, TRUTH));
  if (!truth) {
    throw new VggError(
      'dataset',
      `${join(root, part)} holds images without classes: put the devkit's ${TRUTH} and meta.mat, or Kaggle's ` +
        `LOC_val_solution.csv, into ${root}, or sort the images into class folders`,
    );
  }
  const meta = firstExisting(root, inDevkit(part, 'meta.mat'));
  if (!meta) {
    throw new VggError(
      'dataset',
      `${truth} needs the devkit's meta.mat, which lists the synset of each ID: put it in the same folder`,
    );
  }
  return readDevkit(truth, meta, images);
}

/** Reads the devkit's labels. Line k of the ground truth is the ILSVRC2012_ID of the validation image whose name ends in k. */
async function readDevkit(truth: string, meta: string, images: readonly string[]): Promise<Labels> {
  const synsets = new Map<number, string>();
  for (const { ILSVRC2012_ID: id, WNID: wnid } of readStructArray(await readBytes(meta), meta)) {
    if (typeof id === 'number' && typeof wnid === 'string') synsets.set(id, wnid);
  }
  if (synsets.size === 0) throw new VggError('dataset', `${meta} has no ILSVRC2012_ID and WNID fields`);
  const lines = await readLines(truth);
  const labels = new Map<string, string>();
  for (const image of images) {
    const number = Number(/(\d+)$/.exec(stem(image))?.[1]);
    const line = lines[number - 1];
    if (line === undefined) {
      throw new VggError(
        'dataset',
        `${truth} has ${lines.length} lines and none for ${image}: the name must end in the number of its line`,
      );
    }
    const synset = synsets.get(Number(line));
    if (synset === undefined)
      throw new VggError('dataset', `${truth}: line ${number} has class ${line}, which meta.mat does not have`);
    labels.set(stem(image), synset);
  }
  return labels;
}

/** Reads Kaggle's labels: lines `ImageId,PredictionString`, the latter a list of `synset left top right bottom`. */
async function readSolution(path: string): Promise<Labels> {
  const labels = new Map<string, string>();
  for (const line of (await readLines(path)).slice(1)) {
    const [, image, synset] = /^([^,]+),(n\d+)\b/.exec(line) ?? [];
    if (!image || !synset)
      throw new VggError(
        'dataset',
        `${path}: expected lines like "ILSVRC2012_val_00000001,n01751748 …", got ${JSON.stringify(line.slice(0, 60))}`,
      );
    labels.set(image, synset);
  }
  return labels;
}
