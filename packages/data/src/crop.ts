/** Crops and flips images: one centre crop, the 5x5 grid of section 3.2, or any window. */
import { VggError } from '@vgg/core';
import { checkImage, type FloatImage, type Size, type Window } from './image';
import { checkWindow } from './resample';

/**
 * Returns the central `side` x `side` window. Half of an odd margin is rounded to even, as in torchvision.
 * @throws VggError `VGG_ARGUMENT` if the side is not a positive integer or the image is smaller.
 */
export function centreWindow(size: Size, side: number): Window {
  checkCrop(size, side);
  return { left: centreOffset(size.width - side), top: centreOffset(size.height - side), width: side, height: side };
}

function centreOffset(margin: number): number {
  const low = margin >> 1;
  return margin % 2 === 1 && low % 2 === 1 ? low + 1 : low;
}

/**
 * Returns the windows of a regular `steps` x `steps` grid of `side` x `side` crops, row by row. The grid reaches all four
 * borders: corner `k` of an axis lies at `round(k * (length - side) / (steps - 1))`. One step gives the centre crop.
 * @throws VggError `VGG_ARGUMENT` if the side or the steps are not positive integers, or the image is smaller than the side.
 */
export function gridWindows(size: Size, side: number, steps = 5): Window[] {
  checkCrop(size, side);
  if (!Number.isInteger(steps) || steps < 1) {
    throw new VggError('argument', `a crop grid needs a positive number of steps, got ${steps}`);
  }
  if (steps === 1) return [centreWindow(size, side)];
  const corner = (length: number, k: number) => Math.round((k * (length - side)) / (steps - 1));
  return Array.from({ length: steps * steps }, (_, i) => ({
    left: corner(size.width, i % steps),
    top: corner(size.height, Math.floor(i / steps)),
    width: side,
    height: side,
  }));
}

function checkCrop(size: Size, side: number): void {
  if (!Number.isInteger(side) || side < 1) {
    throw new VggError('argument', `a crop needs a positive integer side, got ${side}`);
  }
  if (size.width < side || size.height < side) {
    throw new VggError(
      'argument',
      `a crop of ${side} needs an image of at least ${side}x${side}, got ${size.width}x${size.height}: rescale to a smallest side >= ${side} first`,
    );
  }
}

/**
 * Returns a copy of the pixels in `window`.
 * @throws VggError `VGG_ARGUMENT` if the window is not inside the image.
 */
export function crop(image: FloatImage, window: Window): FloatImage {
  checkImage(image);
  checkWindow(window, image);
  const { width, height } = window;
  const data = new Float32Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((window.top + y) * image.width + window.left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { data, width, height };
}

/** Returns the central `side` x `side` crop. */
export function centreCrop(image: FloatImage, side: number): FloatImage {
  return crop(image, centreWindow(image, side));
}

/** Returns the `steps`² crops of the regular grid (25 in section 3.2), row by row. */
export function cropGrid(image: FloatImage, side: number, steps = 5): FloatImage[] {
  return gridWindows(image, side, steps).map((window) => crop(image, window));
}

/** Returns the image mirrored left to right. */
export function flip(image: FloatImage): FloatImage {
  checkImage(image);
  const { width, height } = image;
  const data = new Float32Array(image.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      data[to] = image.data[from]!;
      data[to + 1] = image.data[from + 1]!;
      data[to + 2] = image.data[from + 2]!;
    }
  }
  return { data, width, height };
}
