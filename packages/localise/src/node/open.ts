/** Opens images with boxes. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { didYouMean, isVggError, VggError } from '@vgg/core';
import type { Size, SkippedImage } from '@vgg/data';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import { type BoxImage, type BoxSource, boxSource, splitBoxes } from '../source';
import { type Annotation, annotationError, boxInPixels } from './annotation';
import { type Found, findAnnotations } from './find-annotations';
import { type Part, sizesOf } from './locate-images';

/** Options of {@link openBoxes}. */
export interface OpenBoxesOptions {
  /**
   * Classes of the net, in the order of its outputs; other classes are refused. Default those of the annotations, by name. ILSVRC's
   * folders (`n01440764`) are matched with the names of ImageNet's classes.
   */
  readonly classes?: readonly string[] | undefined;
  /** Fraction of each class that is split off for validation if the data set has no such part. Default 0. */
  readonly validationFraction?: number | undefined;
  /** True to fail at the first image that cannot be read. Default false. */
  readonly strict?: boolean | undefined;
}

/** A data set with boxes. A part is undefined if the data set has no image for it. */
export interface BoxSet {
  readonly classes: readonly string[];
  readonly train: BoxSource | undefined;
  readonly validation: BoxSource | undefined;
  readonly test: BoxSource | undefined;
  /** Number of images without an object, which are left out. */
  readonly empty: number;
  /** Images whose size cannot be read, which are left out. */
  readonly skipped: readonly Pick<SkippedImage, 'key' | 'reason'>[];
}

/** Returns the index of each class name, also by ImageNet's numbers. */
function indicesOf(classes: readonly string[]): Map<string, number> {
  const indices = new Map(classes.map((name, i) => [name, i]));
  const isImageNet =
    classes.length === IMAGENET_CLASSES.length && classes.every((name, i) => name === IMAGENET_CLASSES[i]);
  if (isImageNet) for (const [i, synset] of IMAGENET_SYNSETS.entries()) indices.set(synset, i);
  return indices;
}

/** Returns the classes of an annotation: the index of each object's. */
function labelsOf({ objects, place }: Annotation, indices: ReadonlyMap<string, number>): number[] {
  return objects.map(({ name }) => {
    const label = indices.get(name);
    if (label !== undefined) return label;
    const hint = didYouMean(name, indices.keys());
    throw annotationError(place, `unknown class "${name}"${hint}: the net does not have it`);
  });
}

/** Returns an annotated image once for each of its classes. */
function imagesOf(
  { annotation, file, key, labels }: Found & { key: string; labels: readonly number[] },
  size: Size,
): BoxImage[] {
  const { objects } = annotation;
  const boxes = objects.map(({ box }) => boxInPixels(box, annotation, size));
  const own = new Set(labels);
  return [...own].map((label) => ({
    key: own.size === 1 ? key : `${key} (${objects[labels.indexOf(label)]!.name})`,
    location: { kind: 'file', path: file },
    size,
    label,
    boxes: boxes.filter((_, i) => labels[i] === label),
  }));
}

/**
 * Opens a data set with boxes: a folder, or one file of it. Read are CSV files in the folder (`boxes.csv`, or `train.csv` and
 * `val.csv`), COCO's JSON in it or in `annotations` (only `instances*.json` if there are any), or all XML files below it, in this
 * order. The part of an image is that of its file (`instances_val2017.json`), of VOC's lists, or of a folder of its path (`train`,
 * `val`, `test`); otherwise it is for training. An image with objects of several classes counts once for each. Sizes are those of the
 * images; boxes of an annotation with another size are scaled to it.
 * @throws VggError `VGG_DATASET`, one line that names file and line, for a damaged annotation, a box outside its image or without an
 *   area, an unknown class, an image that does not exist, has two annotations or other proportions than its annotation says, or if
 *   no image can be used; `VGG_IMAGE` for an image that cannot be read with `strict`; `VGG_IO` when the system refuses.
 */
export async function openBoxes(
  path: string,
  { classes, validationFraction = 0, strict = false }: OpenBoxesOptions = {},
): Promise<BoxSet> {
  const absolute = resolve(path);
  if (!existsSync(absolute)) throw new VggError('dataset', `no folder or file ${path} with boxes`);
  const { root, found } = findAnnotations(absolute);
  const names = [...new Set(found.flatMap(({ annotation }) => annotation.objects.map(({ name }) => name)))].sort();
  const own = classes ?? names;
  if (names.length === 0) throw new VggError('dataset', `${path} has no object with a box`);
  const indices = indicesOf(own);
  const all = found.map((one) => ({
    ...one,
    key: relative(root, one.file).replaceAll('\\', '/'),
    labels: labelsOf(one.annotation, indices),
  }));
  const annotated = all.filter(({ labels }) => labels.length > 0);
  const sizes = await sizesOf(annotated);
  const images: Record<Part, BoxImage[]> = { train: [], validation: [], test: [] };
  const skipped: BoxSet['skipped'][number][] = [];
  for (const [i, one] of annotated.entries()) {
    const size = sizes[i]!;
    if (!isVggError(size)) {
      for (const image of imagesOf(one, size)) images[one.part].push(image);
    } else if (strict) throw size;
    else skipped.push({ key: one.key, reason: size.message });
  }
  if (skipped.length === annotated.length) {
    throw new VggError('dataset', `${path}: none of the ${skipped.length} images can be used; ${skipped[0]!.reason}`);
  }
  const empty = all.length - annotated.length;
  const source = (part: Part) =>
    images[part].length === 0 ? undefined : boxSource(`${path} (${part})`, own, images[part]);
  const parts = { train: source('train'), validation: source('validation'), test: source('test') };
  const set = { ...parts, classes: own, empty, skipped };
  if (set.train === undefined || set.validation !== undefined || validationFraction === 0) return set;
  return { ...set, ...splitBoxes(set.train, validationFraction) };
}
