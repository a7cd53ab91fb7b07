/** Pictures between files, pixels and canvases. */
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';

/** The longest side that is decoded: more is scaled down first, as a net of a few hundred pixels sees no difference. */
const LONGEST = 4096;

/** A picture's pixels, RGB; transparency becomes white. */
export async function pixelsOf(file: Blob): Promise<RawImage> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' }).catch((cause) => {
    throw new VggError('image', 'that file is no picture that this browser reads: try a JPEG or a PNG', { cause });
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

/** Draws RGB numbers, of which `low` is black and `high` white. */
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

/** Anchors of the viridis colours, from none to most. */
const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
] as const;

/** Draws one channel of a map [height, width, channels] in viridis, from 0 to `most`. */
export function drawMap(
  canvas: HTMLCanvasElement,
  map: ArrayLike<number>,
  { width, height, channels, channel, most }: Record<'width' | 'height' | 'channels' | 'channel' | 'most', number>,
): void {
  drawPixels(canvas, width, height, (i) => {
    const place = most > 0 ? (Math.max(0, map[i * channels + channel]!) / most) * (VIRIDIS.length - 1) : 0;
    const index = Math.min(Math.floor(place), VIRIDIS.length - 2);
    const [from, to] = [VIRIDIS[index]!, VIRIDIS[index + 1]!];
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
