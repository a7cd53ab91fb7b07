/** Pictures of a report as data URIs, small enough that a page of them stays a small file. */
import type { RawImage, Rgb } from '@vgg/data';
import sharp, { type Sharp } from 'sharp';
import type { Picture } from './data';

/** Longer side of a thumbnail, in pixels: sharp on a phone at the size at which it is shown. */
export const THUMBNAIL = 160;

async function encoded(picture: Sharp, format: 'jpeg' | 'png'): Promise<Picture> {
  const { data, info } = await (format === 'jpeg' ? picture.jpeg({ quality: 78 }) : picture.png()).toBuffer({
    resolveWithObject: true,
  });
  return {
    src: `data:image/${format};base64,${data.toString('base64')}`,
    width: info.width,
    height: info.height,
  };
}

/** A picture within `side` x `side`; one that is smaller stays as it is, for the page to enlarge without blur. */
export async function thumbnail({ data, width, height }: RawImage, side = THUMBNAIL): Promise<Picture> {
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  return encoded(picture.resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true }), 'jpeg');
}

/** A picture that was composed for the page. */
export async function asPicture(picture: Sharp): Promise<Picture> {
  return encoded(picture, 'jpeg');
}

/** A network's input as a picture: the mean added again, what lies outside 0 to 255 clipped. */
export function inputPixels(input: Float32Array, mean: Rgb, width: number, height: number): RawImage {
  const data = new Uint8Array(input.length);
  for (let i = 0; i < input.length; i++) {
    data[i] = Math.min(255, Math.max(0, Math.round(input[i]! + mean[i % 3]!)));
  }
  return { data, width, height };
}

/** As many filters as are shown. */
const FILTERS = 64;
const COLUMNS = 16;

/**
 * The filters of the first layer side by side, one pixel a weight and a transparent pixel between: zero is mid-grey, each
 * filter's own largest weight is full black or white.
 * @param weight [rows, columns, 3, filters], row-major, as `conv1_1.weight`.
 */
export async function filterSheet(
  weight: Float32Array,
  [rows, columns, , filters]: readonly number[],
): Promise<Picture> {
  const count = Math.min(filters!, FILTERS);
  const across = Math.min(count, COLUMNS);
  const down = Math.ceil(count / across);
  const [width, height] = [across * (columns! + 1) - 1, down * (rows! + 1) - 1];
  const data = new Uint8Array(width * height * 4);
  const at = (filter: number, y: number, x: number, c: number) =>
    weight[((y * columns! + x) * 3 + c) * filters! + filter]!;
  for (let filter = 0; filter < count; filter++) {
    let largest = 1e-12;
    for (let i = filter; i < weight.length; i += filters!) largest = Math.max(largest, Math.abs(weight[i]!));
    const [left, top] = [(filter % across) * (columns! + 1), Math.floor(filter / across) * (rows! + 1)];
    for (let y = 0; y < rows!; y++) {
      for (let x = 0; x < columns!; x++) {
        const pixel = ((top + y) * width + left + x) * 4;
        for (let c = 0; c < 3; c++) data[pixel + c] = Math.round(127.5 * (1 + at(filter, y, x, c) / largest));
        data[pixel + 3] = 255;
      }
    }
  }
  return encoded(sharp(data, { raw: { width, height, channels: 4 } }), 'png');
}
