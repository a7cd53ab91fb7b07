/**
 * Opens the ILSVRC-2012 layout: `train/<synset>/*.JPEG`, and `val/*.JPEG` in one folder. The labels of the latter come from the
 * devkit's `ILSVRC2012_validation_ground_truth.txt` with its `meta.mat`, or from Kaggle's `LOC_val_solution.csv`. Classes are
 * synsets (`n01440764`) in sorted order, as in class folders.
 */
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { ImageSource } from '../../source';
import { byName, isImageName, listFolder } from './files';
import { fileSource } from './folders';
import { readStructArray } from './matlab';
import { firstExisting, readBytes, readLines } from './text';

const DEVKIT_FOLDERS = ['', 'data', 'devkit/data', 'ILSVRC2012_devkit_t12/data', 'val'];
const TRUTH = 'ILSVRC2012_validation_ground_truth.txt';
const below = (name: string) => DEVKIT_FOLDERS.map((folder) => join(folder, name));

/** Synset of each validation image, by file name without extension. */
type Labels = ReadonlyMap<string, string>;

/**
 * Opens the validation images of an ILSVRC-2012 folder.
 * @param root the folder that holds `val/` and the devkit.
 * @param classes synsets of the training set. Default: all synsets of the labels.
 * @throws VggError `VGG_DATASET` if labels are missing or do not match the images.
 */
export async function openImagenetValidation(root: string, classes?: readonly string[]): Promise<ImageSource> {
  const folder = join(root, 'val');
  const images = (await listFolder(folder)).files.filter(isImageName);
  const labels = await readLabels(root, images);
  const names = classes ?? [...new Set(labels.values())].sort(byName);
  const places = new Map(names.map((name, i) => [name, i]));
  const indices = images.map((image) => {
    const synset = labels.get(stem(image));
    if (synset === undefined) throw new VggError('dataset', `${join(folder, image)} has no label in the ground truth`);
    const place = places.get(synset);
    if (place === undefined) {
      throw new VggError(
        'dataset',
        `${join(folder, image)} is of class ${synset}, which the training set does not have`,
      );
    }
    return place;
  });
  return fileSource(folder, names, images, indices);
}

function stem(image: string): string {
  return image.replace(/\.[^.]*$/, '');
}

async function readLabels(root: string, images: readonly string[]): Promise<Labels> {
  const solution = firstExisting(root, ['LOC_val_solution.csv']);
  if (solution) return readSolution(solution);
  const truth = firstExisting(root, below(TRUTH));
  if (!truth) {
    throw new VggError(
      'dataset',
      `${join(root, 'val')} holds images without classes: put the devkit's ${TRUTH} and meta.mat, or Kaggle's ` +
        `LOC_val_solution.csv, into ${root}, or sort the images into class folders`,
    );
  }
  const meta = firstExisting(root, below('meta.mat'));
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
