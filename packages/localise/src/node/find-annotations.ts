/** Finds the annotations of a data set: CSV files, COCO's JSON, or the XML of PASCAL VOC and ILSVRC. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { VggError } from '@vgg/core';
import { fileError } from '@vgg/core/node';
import { type Annotation, annotationError } from './annotation';
import { parseCoco } from './coco';
import { parseCsv } from './csv';
import { findImage, foldersOfJson, foldersOfXml, type Part, partOf, partOfPath } from './locate-images';
import { parseVoc } from './voc';

/** Annotation with the file of its image and its part. */
export interface Found {
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
function listsOf(root: string, files: readonly string[]): Map<string, Part> {
  const parts = new Map<string, Part>();
  const lists = ['train', 'val', 'test'].flatMap((name) =>
    files.filter((file) => /ImageSets[\\/]Main$/.test(dirname(file)) && basename(file) === `${name}.txt`),
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

/**
 * Returns the folder of the data set to which a file of annotations belongs: that of the file, or the one above its folder
 * `annotations`, since the images lie next to that folder.
 */
function rootOf(file: string): string {
  const words = dirname(file).split(sep);
  const at = file.toLowerCase().endsWith('.xml') ? words.lastIndexOf('Annotations') : words.length - 1;
  return words[at]?.toLowerCase() === 'annotations' ? words.slice(0, at).join(sep) || sep : dirname(file);
}

/** Returns the JSON files with boxes: those of COCO's `instances`, or without them all with annotations. */
function boxesIn(root: string, files: readonly string[]): string[] {
  const instances = files.filter((file) => basename(file).toLowerCase().startsWith('instances'));
  return instances.length > 0
    ? instances
    : files.filter((file) => readText(join(root, file)).includes('"annotations"'));
}

function findAll(root: string, files: readonly string[], isFile: boolean): Found[] {
  const shallow = (extension: string) =>
    files.filter((file) => file.toLowerCase().endsWith(extension) && /^(\.|annotations)$/i.test(dirname(file)));
  const csv = shallow('.csv');
  if (csv.length > 0) return csv.flatMap((file) => foundInCsv(root, file));
  const json = isFile ? shallow('.json') : boxesIn(root, shallow('.json'));
  if (json.length > 0) return json.flatMap((file) => foundInJson(root, file));
  const lists = isFile ? new Map<string, Part>() : listsOf(root, files);
  return files.filter((file) => file.toLowerCase().endsWith('.xml')).map((file) => foundInXml(root, file, lists));
}

/**
 * Returns the annotations of a folder or file, in the first format of which there is a file: CSV, JSON, XML.
 * @throws VggError `VGG_DATASET`, one line, for a damaged annotation, an image that does not exist, or one with two annotations.
 */
export function findAnnotations(path: string): { root: string; found: readonly Found[] } {
  const isFile = statSync(path).isFile();
  const root = isFile ? rootOf(path) : path;
  const found = findAll(root, isFile ? [relative(root, path)] : filesIn(root), isFile);
  if (found.length === 0) {
    throw new VggError(
      'dataset',
      `${path} has no boxes: expected a CSV file (image, class, left, top, width, height), COCO's JSON, or XML files of VOC or ILSVRC`,
    );
  }
  const places = new Map<string, string>();
  for (const { annotation, file } of found) {
    const other = places.get(file);
    if (other !== undefined) {
      const image = relative(root, file);
      throw annotationError(
        annotation.place,
        `expected each image once, got ${image} again after ${other}: remove one`,
      );
    }
    places.set(file, annotation.place);
  }
  return { root, found };
}
