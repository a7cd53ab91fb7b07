/** Writes images with the boxes that were found in them to a folder. */
import { mkdir } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { RawImage } from '@vgg/data';
import type { LocatedObject } from '../locate';
import { drawBoxes } from './draw';

/** Returns an object in words: class, probability, box. */
export function objectText({ name, probability, box }: LocatedObject): string {
  const [left, top, width, height] = [box.left, box.top, box.width, box.height].map(Math.round);
  return `${(100 * probability).toFixed(1).padStart(5)} %  ${name}  ${width}x${height} at ${left}, ${top}`;
}

/** Folder of images with boxes. An image gets a number if its name is taken by another one or by an image that is read. */
export class BoxFolder {
  readonly #path: string;
  /** Files that are in use, in lower case: some systems take names of other case as the same. */
  readonly #used: Set<string>;

  /** @param images paths or addresses of the images, whose files are not replaced. */
  constructor(path: string, images: readonly string[] = []) {
    this.#path = path;
    this.#used = new Set(images.map((image) => resolve(image).toLowerCase()));
  }

  #fileOf(name: string): string {
    const base = basename(name, extname(name)).replace(/[^\p{L}\p{N}._-]/gu, '_') || 'image';
    let file = join(this.#path, `${base}.png`);
    for (let i = 2; this.#used.has(resolve(file).toLowerCase()); i++) file = join(this.#path, `${base}-${i}.png`);
    this.#used.add(resolve(file).toLowerCase());
    return file;
  }

  /**
   * Writes an image with the most probable object's box as PNG.
   * @param name path or address of the image.
   * @returns the file.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  async write(name: string, image: RawImage, objects: readonly LocatedObject[]): Promise<string> {
    const path = this.#fileOf(name);
    const drawn = objects
      .slice(0, 1)
      .map(({ box, name, probability }) => ({ box, text: `${name} ${Math.round(100 * probability)} %` }));
    try {
      await mkdir(this.#path, { recursive: true });
      await drawBoxes(image, drawn).png().toFile(path);
    } catch (error) {
      throw new VggError('io', `cannot write ${path}: ${systemReason(error)}`, { cause: error });
    }
    return path;
  }
}
