/** Draws a window of random area and shape that is resized to the crop: RandomResizedCrop (Szegedy et al., arXiv:1409.4842). */
import type { RandomStream } from '@vgg/core';
import type { Size, Window } from './image';

/**
 * Range of width divided by height, as in torchvision, in relation to the shape of the crop: objects keep their shape in rectangles
 * too, where torchvision would stretch them. The logarithm is drawn uniformly.
 */
const RATIO = [3 / 4, 4 / 3] as const;
/** Number of windows that are drawn until one fits into the image, as in torchvision. */
const ATTEMPTS = 10;

/** Shape and place of a window, independent of the image's size. */
export interface WindowDraw {
  /** Fraction of the image's area. */
  readonly area: number;
  /** Width divided by height, in relation to that of the crop. */
  readonly ratio: number;
  /** Position along each axis, uniform in [0, 1). */
  readonly position: readonly [x: number, y: number];
}

/** Draws windows of an area from `smallest` to 1; the first that fits the image is used. */
export function drawWindows(random: RandomStream, smallest: number): WindowDraw[] {
  const [low, high] = RATIO.map(Math.log);
  return Array.from({ length: ATTEMPTS }, () => ({
    area: smallest + (1 - smallest) * random.uniform(),
    ratio: Math.exp(low! + (high! - low!) * random.uniform()),
    position: [random.uniform(), random.uniform()] as const,
  }));
}

/**
 * Returns the first drawn window for a crop that fits into an image; if none does, the largest central window of an allowed shape,
 * as torchvision.
 */
export function windowFor(size: Size, draws: readonly WindowDraw[], crop: Size): Window {
  const { width: imageWidth, height: imageHeight } = size;
  const shape = crop.width / crop.height;
  for (const { area, ratio: drawn, position } of draws) {
    const pixels = imageWidth * imageHeight * area;
    const ratio = drawn * shape;
    const width = Math.round(Math.sqrt(pixels * ratio));
    const height = Math.round(Math.sqrt(pixels / ratio));
    if (width < 1 || height < 1 || width > imageWidth || height > imageHeight) continue;
    const [x, y] = position;
    const left = Math.floor(x * (imageWidth - width + 1));
    const top = Math.floor(y * (imageHeight - height + 1));
    return { left, top, width, height };
  }
  const ratio = Math.min(RATIO[1] * shape, Math.max(RATIO[0] * shape, imageWidth / imageHeight));
  const width = Math.max(1, Math.min(imageWidth, Math.round(imageHeight * ratio)));
  const height = Math.max(1, Math.min(imageHeight, Math.round(imageWidth / ratio)));
  return { left: Math.floor((imageWidth - width) / 2), top: Math.floor((imageHeight - height) / 2), width, height };
}

/** Returns the size of the whole image when `window` is resized to the crop, and the place of the crop in it. */
export function resizedGeometry(size: Size, window: Window, crop: Size): { rescaled: Size; window: Window } {
  const axis = (length: number, start: number, part: number, side: number) => {
    const rescaled = Math.max(side, Math.round((length * side) / part));
    return { rescaled, start: Math.min(rescaled - side, Math.round((start * rescaled) / length)) };
  };
  const x = axis(size.width, window.left, window.width, crop.width);
  const y = axis(size.height, window.top, window.height, crop.height);
  return {
    rescaled: { width: x.rescaled, height: y.rescaled },
    window: { left: x.start, top: y.start, width: crop.width, height: crop.height },
  };
}
