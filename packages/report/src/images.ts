/** Images of a report as data URIs, small enough that a page of them stays a small file. */
import type { RawImage, Rgb } from '@vgg/data';
import sharp, { type Sharp } from 'sharp';
import type { EmbeddedImage } from './data';

/** Longer side of a thumbnail in pixels: sharp on a phone at the size at which it is shown. */
export const THUMBNAIL = 160;

async function encode(image: Sharp, format: 'jpeg' | 'png'): Promise<EmbeddedImage> {
  const { data, info } = await (format === 'jpeg' ? image.jpeg({ quality: 78 }) : image.png()).toBuffer({
    resolveWithObject: true,
  });
  return {
    src: `data:image/${format};base64,${data.toString('base64')}`,
    width: info.width,
    height: info.height,
  };
}

/** Returns an image within `side` x `side`. A smaller one keeps its size: the page enlarges it without blur. */
export async function thumbnail({ data, width, height }: RawImage, side = THUMBNAIL): Promise<EmbeddedImage> {
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  return encode(image.resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true }), 'jpeg');
}

/** Returns an image of Sharp at its own size. */
export async function embed(image: Sharp): Promise<EmbeddedImage> {
  return encode(image, 'jpeg');
}

/** Returns the input of a net as an image: the mean is added, and values are clipped to 0 to 255. */
export function inputPixels(input: Float32Array, mean: Rgb, width: number, height: number): RawImage {
  const data = new Uint8Array(input.length);
  for (let i = 0; i < input.length; i++) {
    data[i] = Math.min(255, Math.max(0, Math.round(input[i]! + mean[i % 3]!)));
  }
  return { data, width, height };
}

/** Largest number of filters shown, and the number in a row. */
const FILTERS = 64;
const COLUMNS = 16;

/**
 * Draws the filters of the first layer next to each other: one pixel for each weight, and a transparent pixel between
 * filters. Zero is mid-grey; the largest weight of each filter is full black or white.
 *
 * @param weight [rows, columns, channels, filters], row-major, as `conv1_1.weight`; the first three channels are drawn as
 * red, green and blue, a single one as grey.
 */
export async function filterSheet(
  weight: Float32Array,
  [rows, columns, channels, filters]: readonly number[],
): Promise<EmbeddedImage> {
  const count = Math.min(filters!, FILTERS);
  const across = Math.min(count, COLUMNS);
  const down = Math.ceil(count / across);
  const width = across * (columns! + 1) - 1;
  const height = down * (rows! + 1) - 1;
  const data = new Uint8Array(width * height * 4);
  const at = (filter: number, y: number, x: number, c: number) =>
    weight[((y * columns! + x) * channels! + (c % channels!)) * filters! + filter]!;
  for (let filter = 0; filter < count; filter++) {
    let largest = 1e-12;
    for (let i = filter; i < weight.length; i += filters!) largest = Math.max(largest, Math.abs(weight[i]!));
    const left = (filter % across) * (columns! + 1);
    const top = Math.floor(filter / across) * (rows! + 1);
    for (let y = 0; y < rows!; y++) {
      for (let x = 0; x < columns!; x++) {
        const pixel = ((top + y) * width + left + x) * 4;
        for (let c = 0; c < 3; c++) data[pixel + c] = Math.round(127.5 * (1 + at(filter, y, x, c) / largest));
        data[pixel + 3] = 255;
      }
    }
  }
  return encode(sharp(data, { raw: { width, height, channels: 4 } }), 'png');
}
