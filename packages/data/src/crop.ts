/** Crops and flips images: one centre crop, the 5x5 grid of section 3.2, or any window. */
import { VggError } from '@vgg/core';
import { checkImage, type FloatImage, type Size, type Window } from './image';
import { checkWindow } from './resample';

/** Size of a crop in pixels: the side of a square, or height and width, as the `inputSize` of a net. */
export type CropSize = number | readonly [height: number, width: number];

/** Returns width and height of a crop. */
export function cropSides(crop: CropSize): Size {
  const [height, width] = typeof crop === 'number' ? [crop, crop] : crop;
  return { width, height };
}

/** Returns the longer side of a crop in pixels: images of any shape cover the crop if their smallest side is as long. */
export function longerSide(crop: CropSize): number {
  const { width, height } = cropSides(crop);
  return Math.max(width, height);
}

/** Returns a size as a recipe and an option write it: `96`, or `64x128` for height and width. */
export function cropText(crop: CropSize): string {
  const { width, height } = cropSides(crop);
  return width === height ? String(width) : `${height}x${width}`;
}

/**
 * Returns the central window of a size. Half of an odd margin is rounded to even, as in torchvision.
 * @throws VggError `VGG_ARGUMENT` if a side is not a positive integer or the image is smaller.
 */
export function centreWindow(size: Size, crop: CropSize): Window {
  const { width, height } = checkedCrop(size, crop);
  return { left: centreOffset(size.width - width), top: centreOffset(size.height - height), width, height };
}

function centreOffset(margin: number): number {
  const low = margin >> 1;
  return margin % 2 === 1 && low % 2 === 1 ? low + 1 : low;
}

/**
 * Returns the windows of a regular `steps` x `steps` grid of crops of a size, row by row. The grid reaches all four borders:
 * corner `k` of an axis lies at `round(k * (length - side) / (steps - 1))`. One step gives the centre crop.
 * @throws VggError `VGG_ARGUMENT` if a side or the steps are not positive integers, or the image is smaller than the crop.
 */
export function gridWindows(size: Size, crop: CropSize, steps = 5): Window[] {
  const { width, height } = checkedCrop(size, crop);
  if (!Number.isInteger(steps) || steps < 1) {
    throw new VggError('argument', `a crop grid needs a positive number of steps, got ${steps}`);
  }
  if (steps === 1) return [centreWindow(size, crop)];
  const corner = (margin: number, k: number) => Math.round((k * margin) / (steps - 1));
  return Array.from({ length: steps * steps }, (_, i) => ({
    left: corner(size.width - width, i % steps),
    top: corner(size.height - height, Math.floor(i / steps)),
    width,
    height,
  }));
}

/** Returns the sides of a crop, which must fit into the image. */
function checkedCrop(size: Size, crop: CropSize): Size {
  const sides = cropSides(crop);
  const { width, height } = sides;
  const wrong = [width, height].find((side) => !Number.isInteger(side) || side < 1);
  if (wrong !== undefined) throw new VggError('argument', `a crop needs a positive integer side, got ${wrong}`);
  if (size.width < width || size.height < height) {
    const text = width === height ? width : `${width}x${height}`;
    throw new VggError(
      'argument',
      `a crop of ${text} needs an image of at least ${width}x${height}, got ${size.width}x${size.height}: rescale to a smallest side >= ${Math.max(width, height)} first`,
    );
  }
  return sides;
}

/**
 * Returns a copy of the pixels in `window`.
 * @param into array of height · width · 3 numbers that receives the pixels. Default a new one.
 * @throws VggError `VGG_ARGUMENT` if the window is not inside the image, or `into` does not have its length.
 */
export function crop(image: FloatImage, window: Window, into?: Float32Array): FloatImage {
  checkImage(image);
  checkWindow(window, image);
  const { width, height } = window;
  const length = width * height * 3;
  const data = into ?? new Float32Array(length);
  if (data.length !== length) {
    throw new VggError(
      'argument',
      `a crop of ${width}x${height} has ${length} numbers, got an array of ${data.length}`,
    );
  }
  for (let y = 0; y < height; y++) {
    const from = ((window.top + y) * image.width + window.left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { data, width, height };
}

/** Returns the central crop of a size. */
export function centreCrop(image: FloatImage, size: CropSize): FloatImage {
  return crop(image, centreWindow(image, size));
}

/** Returns the `steps`² crops of the regular grid (25 in section 3.2), row by row. */
export function cropGrid(image: FloatImage, size: CropSize, steps = 5): FloatImage[] {
  return gridWindows(image, size, steps).map((window) => crop(image, window));
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
