/** Writes images with the boxes that were found in them to a folder. */
import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileError } from '@vgg/core/node';
import type { RawImage } from '@vgg/data';
import type { LocatedObject } from '../locate';
import { drawBoxes } from './draw';

/** Returns an object in words: class, probability, box. */
export function objectText({ name, probability, box }: LocatedObject): string {
  const [left, top, width, height] = [box.left, box.top, box.width, box.height].map(Math.round);
  return `${(100 * probability).toFixed(1).padStart(5)} %  ${name}  ${width}x${height} at ${left}, ${top}`;
}

/** Folder of images with boxes. Images of the same name get a number. */
export class BoxFolder {
  readonly #path: string;
  readonly #names = new Map<string, number>();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Writes an image with the most probable object's box as PNG.
   * @param name path or address of the image.
   * @returns the file.
   * @throws VggError `VGG_IO` when the system refuses.
   */
  async write(name: string, image: RawImage, objects: readonly LocatedObject[]): Promise<string> {
    const base = basename(name, extname(name)).replace(/[^\p{L}\p{N}._-]/gu, '_') || 'image';
    const count = (this.#names.get(base) ?? 0) + 1;
    this.#names.set(base, count);
    const path = join(this.#path, `${base}${count === 1 ? '' : `-${count}`}.png`);
    const drawn = objects
      .slice(0, 1)
      .map(({ box, name, probability }) => ({ box, text: `${name} ${Math.round(100 * probability)} %` }));
    try {
      await mkdir(this.#path, { recursive: true });
      await drawBoxes(image, drawn).png().toFile(path);
    } catch (error) {
      throw fileError('write', path, error);
    }
    return path;
  }
}
