/** Pixels in memory as images: of an `ImageData`, a `RawImage`, or any object of the same form. */
import { VggError } from '@vgg/core';
import type { RawImage, Size } from './image';

/** Pixels with their size: RGB, or RGBA as in `ImageData`; 8 bits, interleaved. */
export interface Pixels extends Size {
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** True for an object with pixels and their size. */
export function isPixelData(value: unknown): value is Pixels {
  if (typeof value !== 'object' || value === null) return false;
  const { data, width, height } = value as Partial<Record<keyof Pixels, unknown>>;
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  return isBytes && typeof width === 'number' && typeof height === 'number';
}

/**
 * Returns pixels as an image. Transparency is laid over white, as for files.
 * @throws VggError `VGG_SHAPE` for sides that are not positive integers, or a number of values that is neither that of RGB nor of
 *   RGBA.
 */
export function imageOf({ data, width, height }: Pixels): RawImage {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new VggError('shape', `pixels need a width and a height that are positive integers, got ${width}x${height}`);
  }
  const count = width * height;
  if (data.length === 3 * count) {
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
  }
  if (data.length !== 4 * count) {
    throw new VggError(
      'shape',
      `pixels of ${width}x${height} have ${3 * count} values in RGB or ${4 * count} in RGBA, got ${data.length}`,
    );
  }
  const rgb = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = Math.round(255 + (data[4 * i + c]! - 255) * alpha);
  }
  return { data: rgb, width, height };
}

/** Returns an error for something that is not an image. */
export function notAnImage(value: unknown, expected: string): VggError {
  const got =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'an array'
        : typeof value === 'object'
          ? objectName(value)
          : typeof value;
  return new VggError('argument', `expected an image as ${expected}, got ${got}`);
}

function objectName(value: object): string {
  return value.constructor?.name ?? 'an object';
}
