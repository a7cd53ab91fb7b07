/** Places of the images that annotations name. */
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { isVggError, type VggError } from '@vgg/core';
import type { Size } from '@vgg/data';
import { decodeImage } from '@vgg/data/node';
import sharp from 'sharp';
import { annotationError } from './annotation';

/** Part of a data set. */
export type Part = 'train' | 'validation' | 'test';

const PARTS: readonly (readonly [pattern: RegExp, part: Part])[] = [
  [/^train(ing)?(\d{4})?$/i, 'train'],
  [/^(val(id(ation)?)?|dev)(\d{4})?$/i, 'validation'],
  [/^test(ing)?(\d{4})?$/i, 'test'],
];

/** Returns the part that a word of a path names: `train`, `val2017`, ... */
export function partOf(word: string): Part | undefined {
  return PARTS.find(([pattern]) => pattern.test(word))?.[1];
}

/** Returns the part that a folder or the name of a path names; undefined if none does. */
export function partOfPath(path: string): Part | undefined {
  for (const word of path.split(/[\\/]/)) {
    const part = partOf(word);
    if (part !== undefined) return part;
  }
  return undefined;
}

/** Extensions that are tried for a name without one, as in ILSVRC's XML. */
const EXTENSIONS = ['', '.JPEG', '.jpg', '.jpeg', '.png', '.JPG', '.PNG', '.webp'] as const;

/** Folders that hold the images next to a folder of annotations: of VOC, of ILSVRC, of others. */
const IMAGE_FOLDERS = ['JPEGImages', 'Data', 'images', 'Images'] as const;

/** Returns the folders in which the image of an XML file may lie. */
export function foldersOfXml(xml: string): string[] {
  const words = dirname(xml).split(sep);
  const at = words.lastIndexOf('Annotations');
  const siblings = IMAGE_FOLDERS.map((name) => [...words.slice(0, at), name, ...words.slice(at + 1)].join(sep));
  return at < 0 ? [dirname(xml)] : [dirname(xml), ...siblings];
}

/** Returns the folders in which the images of a JSON file may lie: `instances_val2017.json` is of `val2017`. */
export function foldersOfJson(json: string): string[] {
  const folder = dirname(json);
  const homes = [folder, dirname(folder)];
  const name = /([^\\/_]+)\.json$/i.exec(json)?.[1] ?? '';
  return homes.flatMap((home) => ['', name, 'images', join('images', name), 'data'].map((one) => join(home, one)));
}

/**
 * Returns the file of an image: the first that exists in one of the folders.
 * @param root folder of the data set. An image outside it is refused.
 * @throws VggError `VGG_DATASET` if there is no such file, or it lies outside the data set.
 */
export function findImage(
  image: string,
  folders: readonly string[],
  { root, place }: { root: string; place: string },
): string {
  for (const folder of folders) {
    for (const extension of EXTENSIONS) {
      const path = resolve(folder, `${image}${extension}`);
      const inside = relative(root, path);
      if (inside.startsWith('..') || isAbsolute(inside)) {
        if (folder === folders[0]) throw annotationError(place, `the image ${image} lies outside the folder ${root}`);
        continue;
      }
      if (existsSync(path) && statSync(path).isFile()) return path;
    }
  }
  throw annotationError(
    place,
    `no image ${image} in ${folders.map((folder) => relative(root, folder) || '.').join(', ')}`,
  );
}

/** Reads the size of an image from its header; decodes an image whose header sharp does not read. */
async function sizeOf(path: string, name: string): Promise<Size> {
  try {
    const { width, height, orientation = 1 } = await sharp(path, { limitInputPixels: false }).metadata();
    return orientation >= 5 ? { width: height, height: width } : { width, height };
  } catch {
    const { width, height } = await decodeImage({ kind: 'file', path }, { name });
    return { width, height };
  }
}

/** Number of headers that are read at once. */
const AT_ONCE = 16;

/**
 * Reads the sizes of images after their EXIF orientation, several at once.
 * @returns the size of each image, or the error of one that cannot be used.
 * @throws VggError `VGG_IO` when the system refuses.
 */
export async function sizesOf(
  images: readonly { readonly file: string; readonly key: string }[],
): Promise<(Size | VggError)[]> {
  const sizes: (Size | VggError)[] = [];
  const entries = images.entries();
  const work = async () => {
    for (const [i, { file, key }] of entries) {
      try {
        sizes[i] = await sizeOf(file, key);
      } catch (error) {
        if (!isVggError(error) || error.code !== 'VGG_IMAGE') throw error;
        sizes[i] = error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sizes;
}
