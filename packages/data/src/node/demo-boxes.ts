/** Boxes of the figures in the demo's images (`makeDemoImages`), for localisation (appendix A). */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@vgg/core/node';
import sharp from 'sharp';
import type { Window } from '../image';
import { DEMO_CLASSES, type DemoImagesOptions, demoDrawing, demoFile, makeDemoImages, svgOf } from './demo-images';

/** Box of the figure in an image of the demo. */
interface DemoBox {
  /** Path of the image in the folder: `train/disc/0000.jpg`. */
  readonly image: string;
  /** Class of the figure. */
  readonly name: string;
  /** Size of the image in pixels. */
  readonly width: number;
  readonly height: number;
  /** Smallest rectangle, in pixels, with all pixels that the figure covers by half or more. */
  readonly box: Window;
}

/** Opacity, 0 to 255, from which a pixel belongs to the figure. */
const COVERED = 128;

/** Draws a figure alone and returns the rectangle of its pixels. */
async function figureBox(name: string, number: number, seed: number): Promise<Omit<DemoBox, 'image' | 'name'>> {
  const { width, height, figure } = demoDrawing(name, number, seed);
  const { data, info } = await sharp(svgOf({ width, height }, figure)).ensureAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  const edges = { left: width, right: 0, top: height, bottom: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * info.channels + 3]! < COVERED) continue;
      edges.left = Math.min(edges.left, x);
      edges.right = Math.max(edges.right, x + 1);
      edges.top = Math.min(edges.top, y);
      edges.bottom = Math.max(edges.bottom, y + 1);
    }
  }
  const { left, right, top, bottom } = edges;
  return { width, height, box: { left, top, width: right - left, height: bottom - top } };
}

/** Returns the boxes of the images that `makeDemoImages` draws with these options, without reading the images. */
export async function demoBoxes({ train, validation, seed }: DemoImagesOptions): Promise<DemoBox[]> {
  const addresses = DEMO_CLASSES.flatMap((name) =>
    Array.from({ length: train + validation }, (_, number) => ({ name, number })),
  );
  const boxes: DemoBox[] = [];
  for (const { name, number } of addresses) {
    const file = number < train ? `train/${name}/${demoFile(number)}` : `val/${name}/${demoFile(number - train)}`;
    boxes.push({ image: file, name, ...(await figureBox(name, number, seed)) });
  }
  return boxes;
}

/** Name of the file of boxes in the demo's folder. */
const BOXES_FILE = 'boxes.csv';

/**
 * Draws the images of `makeDemoImages`, and writes their boxes to `folder/boxes.csv`: image, class, left, top, width, height. What is
 * there is not drawn again.
 * @returns true if something was drawn.
 * @throws VggError as `makeDemoImages`.
 */
export async function makeDemoBoxes(
  folder: string,
  options: DemoImagesOptions,
  signal?: AbortSignal,
): Promise<boolean> {
  const isDrawn = await makeDemoImages(folder, options, signal);
  const path = join(folder, BOXES_FILE);
  if (signal?.aborted || existsSync(path)) return isDrawn;
  const lines = (await demoBoxes(options)).map(({ image, name, box }) =>
    [image, name, box.left, box.top, box.width, box.height].join(','),
  );
  await writeFileAtomically(path, [Buffer.from(`image,class,left,top,width,height\n${lines.join('\n')}\n`)]);
  return true;
}
