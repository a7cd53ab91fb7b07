/** Opens images with boxes. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import { type BoxImage, type BoxSource, boxSource, splitBoxes } from '../source';
import { annotationError, checkedBox } from './annotation';
import { type Found, findAnnotations } from './find-annotations';
import { type Part, sizeOfImage } from './locate-images';

/** Options of {@link openBoxes}. */
export interface OpenBoxesOptions {
  /**
   * Classes of the net, in the order of its outputs; other classes are refused. Default those of the annotations, by name. ILSVRC's
   * folders (`n01440764`) are matched with the names of ImageNet's classes.
   */
  readonly classes?: readonly string[] | undefined;
  /** Fraction of each class that is split off for validation if the data set has no such part. Default 0. */
  readonly validationFraction?: number | undefined;
}

/** A data set with boxes. A part is undefined if the data set has no image for it. */
export interface BoxSet {
  readonly classes: readonly string[];
  readonly train: BoxSource | undefined;
  readonly validation: BoxSource | undefined;
  readonly test: BoxSource | undefined;
  /** Number of images without an object, which are left out. */
  readonly empty: number;
}

/** Returns the index of each class name, also by ImageNet's numbers. */
function indicesOf(classes: readonly string[]): Map<string, number> {
  const indices = new Map(classes.map((name, i) => [name, i]));
  const isImageNet =
    classes.length === IMAGENET_CLASSES.length && classes.every((name, i) => name === IMAGENET_CLASSES[i]);
  if (isImageNet) for (const [i, synset] of IMAGENET_SYNSETS.entries()) indices.set(synset, i);
  return indices;
}

async function imagesOf(
  { annotation, file }: Found,
  root: string,
  indices: ReadonlyMap<string, number>,
): Promise<BoxImage[]> {
  const { objects, place } = annotation;
  const size = annotation.size ?? (await sizeOfImage(file));
  const byLabel = new Map<number, BoxImage['boxes'][number][]>();
  for (const { name, box } of objects) {
    const label = indices.get(name);
    if (label === undefined) {
      throw annotationError(
        place,
        `unknown class "${name}"${didYouMean(name, indices.keys())}: the net does not have it`,
      );
    }
    byLabel.set(label, [...(byLabel.get(label) ?? []), checkedBox(box, size, place)]);
  }
  const path = relative(root, file).replaceAll('\\', '/');
  return [...byLabel].map(([label, boxes]) => ({
    key: byLabel.size === 1 ? path : `${path} (${objects.find(({ name }) => indices.get(name) === label)!.name})`,
    location: { kind: 'file', path: file },
    size,
    label,
    boxes,
  }));
}

/**
 * Opens a data set with boxes: a folder, or one file of it. Read are CSV files in the folder (`boxes.csv`, or `train.csv` and
 * `val.csv`), COCO's JSON in it or in `annotations` (only `instances*.json` if there are any), or all XML files below it, in this
 * order. The part of an image is that of its
 * file (`instances_val2017.json`), of VOC's lists, or of a folder of its path (`train`, `val`, `test`); otherwise it is for
 * training. An image with objects of several classes counts once for each.
 * @throws VggError `VGG_DATASET`, one line that names file and line, for a damaged annotation, a box outside its image or without an
 *   area, an unknown class, an image that does not exist or has two annotations; `VGG_IO` when the system refuses.
 */
export async function openBoxes(
  path: string,
  { classes, validationFraction = 0 }: OpenBoxesOptions = {},
): Promise<BoxSet> {
  const absolute = resolve(path);
  if (!existsSync(absolute)) throw new VggError('dataset', `no folder or file ${path} with boxes`);
  const { root, found } = findAnnotations(absolute);
  const names = [...new Set(found.flatMap(({ annotation }) => annotation.objects.map(({ name }) => name)))].sort();
  const own = classes ?? names;
  if (names.length === 0) throw new VggError('dataset', `${path} has no object with a box`);
  const indices = indicesOf(own);
  const images: Record<Part, BoxImage[]> = { train: [], validation: [], test: [] };
  let empty = 0;
  for (const one of found) {
    const parts = await imagesOf(one, root, indices);
    if (parts.length === 0) empty += 1;
    for (const part of parts) images[one.part].push(part);
  }
  const source = (part: Part) =>
    images[part].length === 0 ? undefined : boxSource(`${path} (${part})`, own, images[part]);
  const set = { classes: own, train: source('train'), validation: source('validation'), test: source('test'), empty };
  if (set.train === undefined || set.validation !== undefined || validationFraction === 0) return set;
  return { ...set, ...splitBoxes(set.train, validationFraction) };
}
