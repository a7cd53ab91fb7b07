/** Opens images with boxes: a CSV file, COCO's JSON, or the XML of PASCAL VOC and ILSVRC. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import { IMAGENET_CLASSES, IMAGENET_SYNSETS } from '@vgg/weights';
import { type BoxImage, type BoxSource, boxSource, splitBoxes } from '../source';
import { type Annotation, annotationError, checkedBox } from './annotation';
import { parseCoco } from './coco';
import { parseCsv } from './csv';
import { findImage, foldersOfJson, foldersOfXml, type Part, partOf, partOfPath, sizeOfImage } from './locate-images';
import { parseVoc } from './voc';

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

/** Annotation with the file of its image and its part. */
interface Found {
  readonly annotation: Annotation;
  readonly file: string;
  readonly part: Part;
}

/** Largest size of an XML file, in bytes. */
const MAX_XML = 4 * 2 ** 20;

function readText(path: string, most = Number.POSITIVE_INFINITY): string {
  try {
    const { size } = statSync(path);
    if (size > most) throw annotationError(path, `expected at most ${most} bytes, got ${size}`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw error instanceof VggError ? error : fileError('read', path, error);
  }
}

/** Returns the files of a folder and those below it, by name, relative to it. */
function filesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort();
  } catch (error) {
    throw fileError('read the folder', folder, error);
  }
}

/** Returns VOC's lists: the part of each image by its name without extension. */
function listsOf(root: string): Map<string, Part> {
  const parts = new Map<string, Part>();
  const lists = ['train', 'val', 'test'].flatMap((name) =>
    filesIn(root).filter((file) => /ImageSets[\\/]Main$/.test(dirname(file)) && basename(file) === `${name}.txt`),
  );
  for (const list of lists) {
    const part = partOf(basename(list, '.txt'))!;
    for (const line of readText(join(root, list)).split(/\r?\n/)) if (line.trim() !== '') parts.set(line.trim(), part);
  }
  return parts;
}

function foundInCsv(root: string, file: string): Found[] {
  const path = join(root, file);
  return parseCsv(readText(path), file).map((annotation) => ({
    annotation,
    file: findImage(annotation.image, [dirname(path)], { root, place: annotation.place }),
    part: partOf(basename(file, '.csv')) ?? partOfPath(annotation.image) ?? 'train',
  }));
}

function foundInJson(root: string, file: string): Found[] {
  const path = join(root, file);
  const named = partOf(/([^_]+)\.json$/i.exec(basename(file))?.[1] ?? '');
  return parseCoco(readText(path), file).map((annotation) => ({
    annotation,
    file: findImage(annotation.image, foldersOfJson(path), { root, place: annotation.place }),
    part: named ?? partOfPath(annotation.image) ?? 'train',
  }));
}

function foundInXml(root: string, file: string, lists: ReadonlyMap<string, Part>): Found {
  const path = join(root, file);
  const annotation = parseVoc(readText(path, MAX_XML), file);
  return {
    annotation,
    file: findImage(annotation.image, foldersOfXml(path), { root, place: annotation.place }),
    part: lists.get(basename(file, '.xml')) ?? partOfPath(file) ?? 'train',
  };
}

/** Returns the annotations of a folder or file, in the first format of which there is a file: CSV, JSON, XML. */
function find(path: string): { root: string; found: Found[] } {
  const isFile = statSync(path).isFile();
  const root = isFile ? dirname(path) : path;
  const files = isFile ? [basename(path)] : filesIn(root);
  const shallow = (extension: string) =>
    files.filter(
      (file) => file.toLowerCase().endsWith(extension) && /^(annotations)?$/.test(dirname(file).replace('.', '')),
    );
  const csv = shallow('.csv');
  if (csv.length > 0) return { root, found: csv.flatMap((file) => foundInCsv(root, file)) };
  const json = shallow('.json').filter((file) => isFile || isCoco(join(root, file)));
  if (json.length > 0) return { root, found: json.flatMap((file) => foundInJson(root, file)) };
  const xml = files.filter((file) => file.toLowerCase().endsWith('.xml'));
  if (xml.length > 0) {
    const lists = isFile ? new Map<string, Part>() : listsOf(root);
    return { root, found: xml.map((file) => foundInXml(root, file, lists)) };
  }
  throw new VggError(
    'dataset',
    `${path} has no boxes: expected a CSV file (image, class, left, top, width, height), COCO's JSON, or XML files of VOC or ILSVRC`,
  );
}

/** True for a JSON file that may be COCO's: other files of a data set are not boxes. */
function isCoco(path: string): boolean {
  const name = basename(path).toLowerCase();
  return name.startsWith('instances') || readText(path).includes('"annotations"');
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
 * `val.csv`), COCO's JSON in it or in `annotations`, or all XML files below it, in this order. The part of an image is that of its
 * file (`instances_val2017.json`), of VOC's lists, or of a folder of its path (`train`, `val`, `test`); otherwise it is for
 * training. An image with objects of several classes counts once for each.
 * @throws VggError `VGG_DATASET`, one line that names file and line, for a damaged annotation, a box outside its image or without an
 *   area, an unknown class, an image that does not exist; `VGG_IO` when the system refuses.
 */
export async function openBoxes(
  path: string,
  { classes, validationFraction = 0 }: OpenBoxesOptions = {},
): Promise<BoxSet> {
  const absolute = resolve(path);
  if (!existsSync(absolute)) throw new VggError('dataset', `no folder or file ${path} with boxes`);
  const { root, found } = find(absolute);
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
