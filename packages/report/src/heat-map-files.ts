/** Files of heat maps: one named file, or a folder with a file for each image. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { RawImage } from '@vgg/data';
import type { ClassMap } from '@vgg/eval';
import { heatMapSheet } from './heat-map';

/** Smallest and largest length of the image's longer side, in pixels. */
const HEAT_MAP_SIDES = [320, 800] as const;

/** Endings of files that are written, and of images that are not. */
const WRITTEN = /^\.(png|jpe?g)$/i;
const NOT_WRITTEN = /^\.(gif|webp|tiff?|avif|bmp|svg|pdf)$/i;

export class HeatMapFiles {
  readonly #target: string;
  readonly #single: boolean;
  readonly #names = new Set<string>();

  /**
   * @param target name of a file that ends in .png or .jpg, for one image, or of a folder, which is created.
   * @throws VggError `VGG_ARGUMENT` for another image format, or one file for several images.
   */
  constructor(target: string, images: number) {
    const extension = extname(target);
    this.#target = target;
    this.#single = WRITTEN.test(extension);
    if (NOT_WRITTEN.test(extension)) {
      throw new VggError('argument', `expected a file that ends in .png or .jpg, or a folder, got ${target}`);
    }
    if (this.#single && images > 1) {
      throw new VggError('argument', `${target} takes one image, got ${images}: name a folder`);
    }
  }

  /** Returns the path of the file of an image: in a folder the image's own name, numbered where two are the same. */
  #pathOf(key: string): string {
    if (this.#single) return this.#target;
    const own = basename(key.replace(/[?#].*$/, '')).replace(/[^\w.() -]/g, '_');
    const stem = own.slice(0, own.length - extname(own).length).replace(/^[.-]+$/, '') || 'image';
    let name = `${stem}.jpg`;
    for (let i = 2; this.#names.has(name.toLowerCase()); i++) name = `${stem}-${i}.jpg`;
    this.#names.add(name.toLowerCase());
    return join(this.#target, name);
  }

  /**
   * Writes an image, its map and the legend. Returns the path of the file.
   * @param key name of the image.
   * @throws VggError `VGG_IO` for a file that cannot be written.
   */
  async write(image: RawImage, map: ClassMap, key: string): Promise<string> {
    const path = this.#pathOf(key);
    const [least, most] = HEAT_MAP_SIDES;
    const side = Math.min(Math.max(image.width, image.height, least), most);
    try {
      if (!this.#single) await mkdir(resolve(this.#target), { recursive: true });
      const sheet = await heatMapSheet(image, map, side);
      const file = /\.png$/i.test(path) ? sheet.png() : sheet.jpeg();
      await writeFile(resolve(path), await file.toBuffer());
    } catch (error) {
      throw new VggError('io', `cannot write the heat map ${path}: ${systemReason(error)}`, { cause: error });
    }
    return path;
  }
}
