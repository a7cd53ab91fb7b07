/** Conversions of images between files, pixels and canvases. */
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';

/** Longest side of a decoded image, in pixels. Larger ones are scaled down first: the net takes a few hundred pixels. */
const LONGEST = 4096;

/**
 * Decodes an image file to RGB pixels. Transparency becomes white.
 * @throws VggError `VGG_IMAGE` for a file that the browser cannot decode.
 */
export async function pixelsOf(file: Blob): Promise<RawImage> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' }).catch((cause) => {
    throw new VggError('image', 'this browser cannot read the file as an image: try a JPEG or a PNG', { cause });
  });
  const shrink = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * shrink));
  const height = Math.max(1, Math.round(bitmap.height * shrink));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return { data, width, height };
}

/** Draws RGB values [height, width, 3]: `low` is black, `high` white. */
export function drawRgb(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  { width, height, low, high }: { width: number; height: number; low: number; high: number },
): void {
  drawPixels(canvas, width, height, (i) => {
    const level = (c: number) => (255 * (values[3 * i + c]! - low)) / (high - low);
    return [level(0), level(1), level(2)];
  });
}

/** Anchors of the viridis colour map, from 0 to the maximum. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

interface MapOptions {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly channel: number;
  /** Value of the brightest colour. */
  readonly maximum: number;
}

/** Draws one channel of a feature map [height, width, channels] in viridis, from 0 to `maximum`. */
export function drawMap(
  canvas: HTMLCanvasElement,
  map: ArrayLike<number>,
  { width, height, channels, channel, maximum }: MapOptions,
): void {
  drawPixels(canvas, width, height, (i) => {
    const share = maximum > 0 ? Math.max(0, map[i * channels + channel]!) / maximum : 0;
    const place = share * (VIRIDIS.length - 1);
    const index = Math.min(Math.floor(place), VIRIDIS.length - 2);
    const from = VIRIDIS[index]!;
    const to = VIRIDIS[index + 1]!;
    return from.map((level, c) => level + (to[c]! - level) * (place - index));
  });
}

function drawPixels(canvas: HTMLCanvasElement, width: number, height: number, colour: (i: number) => number[]): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
