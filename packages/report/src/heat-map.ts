/** Class map of the dense evaluation, drawn over its image: dark where the class is unlikely, bright where it is likely. */
import type { RawImage, TrainTransform } from '@vgg/data';
import { type ClassMap, scalesFor } from '@vgg/eval';
import sharp, { type Sharp } from 'sharp';

/** matplotlib's `inferno` (CC0) in steps of a tenth: perceptually even, and readable in grey too. */
const INFERNO = ['000004', '160b39', '420a68', '6a176e', '932667', 'bc3754', 'dd513a', 'f37819', 'fca50a', 'f6d746']
  .concat('fcffa4')
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** Opacity of the map over the image. */
const COVER = 0.55;

/** Returns the colour of a probability, 0 to 1, as RGB, 0 to 255. */
export function heatColour(value: number): number[] {
  const place = Math.min(Math.max(value, 0), 1) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low]!.map((channel, i) => channel + (INFERNO[low + 1]![i]! - channel) * (place - low));
}

/**
 * Returns test scales for a map: the run's own, and twice its crop. The dense evaluation has a position every 32 pixels,
 * so the run's own scales may give a single one. At twice the crop there are enough to locate an object.
 */
export function heatMapScales({ scale, crop }: Pick<TrainTransform, 'scale' | 'crop'>): readonly number[] {
  return [...new Set([...scalesFor(scale, 'multi', crop), 2 * crop])];
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

/** Returns the value at a place of the image, 0 to 1 in both directions, bilinear between the points of the map. */
function sample({ width, height, data }: ClassMap, x: number, y: number): number {
  const u = clamp(x * width - 0.5, width - 1);
  const v = clamp(y * height - 0.5, height - 1);
  const left = Math.floor(u);
  const top = Math.floor(v);
  const right = Math.min(left + 1, width - 1);
  const bottom = Math.min(top + 1, height - 1);
  const row = (r: number) => data[r * width + left]! * (left + 1 - u) + data[r * width + right]! * (u - left);
  return left === right
    ? data[top * width + left]! * (top + 1 - v) + data[bottom * width + left]! * (v - top)
    : row(top) * (top + 1 - v) + row(bottom) * (v - top);
}

/**
 * Draws a class map over its image.
 *
 * @param side longer side of the result in pixels. A smaller image is enlarged.
 * @returns the result, ready to be written in any format.
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
