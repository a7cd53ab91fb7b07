/** The dense class map laid over its photograph: dark where the class is not seen, bright where it is. */
import type { RawImage, TrainTransform } from '@vgg/data';
import { type ClassMap, scalesFor } from '@vgg/eval';
import sharp, { type Sharp } from 'sharp';

/** matplotlib's `inferno` (CC0) at tenths, which is even to the eye and reads in grey too. */
const INFERNO = ['000004', '160b39', '420a68', '6a176e', '932667', 'bc3754', 'dd513a', 'f37819', 'fca50a', 'f6d746']
  .concat('fcffa4')
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** How much of the map covers the photograph. */
const COVER = 0.55;

/** The colour of a probability, 0 to 1: RGB, 0 to 255. */
export function heatColour(value: number): number[] {
  const place = Math.min(Math.max(value, 0), 1) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low]!.map((channel, i) => channel + (INFERNO[low + 1]![i]! - channel) * (place - low));
}

/**
 * Test scales for a map: the run's own, and twice its crop. The dense view has a position every 32 pixels, so that the own
 * scales may give a single one; at twice the crop there are enough to tell where something is.
 */
export function heatMapScales({ scale, crop }: Pick<TrainTransform, 'scale' | 'crop'>): readonly number[] {
  return [...new Set([...scalesFor(scale, 'multi', crop), 2 * crop])];
}

/** The value at each pixel of an image of the size, bilinear between the map's points. */
function sample({ width, height, data }: ClassMap, x: number, y: number): number {
  const [u, v] = [
    Math.min(Math.max(x * width - 0.5, 0), width - 1),
    Math.min(Math.max(y * height - 0.5, 0), height - 1),
  ];
  const [left, top] = [Math.floor(u), Math.floor(v)];
  const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
  const row = (r: number) => data[r * width + left]! * (left + 1 - u) + data[r * width + right]! * (u - left);
  return left === right
    ? data[top * width + left]! * (top + 1 - v) + data[bottom * width + left]! * (v - top)
    : row(top) * (top + 1 - v) + row(bottom) * (v - top);
}

/**
 * The map over the photograph, its longer side `side` pixels at most (small pictures are enlarged to it).
 * @returns the picture, ready to be written in any format.
 */
export async function heatMapOver(image: RawImage, map: ClassMap, side: number): Promise<Sharp> {
  const { data, info } = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = heatColour(sample(map, (x + 0.5) / width, (y + 0.5) / height));
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c]! * (1 - COVER) + colour[c]! * COVER);
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}
