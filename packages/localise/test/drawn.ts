/** Images with one rectangle each, whose box can be read off their pixels. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@vgg/core';
import sharp from 'sharp';
import type { Box, BoxSource } from '../src/index';
import { openBoxes } from '../src/node';

/** Background of the images. */
export const MEAN = [128, 128, 128] as const;

/** Number of images. */
export const IMAGES = 16;

/** Draws white (class 0) and black (class 1) rectangles on grey into a new folder, writes their boxes, and opens them. */
export async function drawBoxFolder(folder: string): Promise<BoxSource> {
  mkdirSync(folder);
  const lines = ['image,class,left,top,width,height'];
  for (let i = 0; i < IMAGES; i++) {
    const random = randomStream(1, 'test boxes', i);
    const size = { width: 40 + random.integer(20), height: 40 + random.integer(20) };
    const box = { width: 12 + random.integer(8), height: 12 + random.integer(8) };
    const left = 8 + random.integer(size.width - box.width - 16);
    const top = 8 + random.integer(size.height - box.height - 16);
    const white = { create: { ...box, channels: 3 as const, background: i % 2 === 0 ? '#fff' : '#000' } };
    const image = sharp({ create: { ...size, channels: 3, background: '#808080' } });
    const input = await sharp(white).png().toBuffer();
    await image
      .composite([{ input, left, top }])
      .png()
      .toFile(join(folder, `${i}.png`));
    lines.push(`${i}.png,${i % 2 === 0 ? 'white' : 'black'},${left},${top},${box.width},${box.height}`);
  }
  writeFileSync(join(folder, 'boxes.csv'), `${lines.join('\n')}\n`);
  return (await openBoxes(folder, { classes: ['white', 'black'] })).train!;
}

/** Returns the rectangle of the pixels of image `i` of a batch that differ from the background. */
export function drawnBox(images: Float32Array, i: number, { width, height }: Pick<Box, 'width' | 'height'>): Box {
  const at = { left: width, top: height, right: 0, bottom: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (Math.abs(images[((i * height + y) * width + x) * 3]!) < 63) continue;
      at.left = Math.min(at.left, x);
      at.top = Math.min(at.top, y);
      at.right = Math.max(at.right, x + 1);
      at.bottom = Math.max(at.bottom, y + 1);
    }
  }
  return { left: at.left, top: at.top, width: at.right - at.left, height: at.bottom - at.top };
}
