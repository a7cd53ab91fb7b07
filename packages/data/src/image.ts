/** Images as plain typed arrays: rows from top to bottom, pixels from left to right, interleaved RGB. */
import { VggError } from '@vgg/core';

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of pixels: its top-left corner and its size. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/** A decoded image: 8-bit RGB, `data.length = height * width * 3`. */
export interface RawImage extends Size {
  readonly data: Uint8Array;
}

/** An image in float32: RGB on the 0..255 scale, possibly minus the mean; `data.length = height * width * 3`. */
export interface FloatImage extends Size {
  readonly data: Float32Array;
}

/** Red, green, blue. */
export type Rgb = readonly [number, number, number];

/**
 * Checks that the sides are positive integers and the data has exactly that many RGB pixels.
 * @throws VggError `VGG_SHAPE` if not.
 */
export function checkImage(image: RawImage | FloatImage): void {
  const { width, height, data } = image;
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new VggError('shape', `an image needs positive integer sides, got ${width}x${height}`);
  }
  if (data.length !== width * height * 3) {
    throw new VggError(
      'shape',
      `an RGB image of ${width}x${height} has ${width * height * 3} values, got ${data.length}: ` +
        'convert to RGB and drop any alpha channel first',
    );
  }
}
