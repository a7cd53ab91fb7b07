/** Boxes around objects, and measures of how well two of them agree. */
import type { Geometry, Size, Window } from '@vgg/data';

/** Rectangle in pixels of an image, from its top-left corner. The numbers need not be integers. */
export type Box = Window;

/** True if all numbers of a box are finite and both sides are above 0. */
export function isBox({ left, top, width, height }: Box): boolean {
  return [left, top, width, height].every(Number.isFinite) && width > 0 && height > 0;
}

function overlap(a: number, lengthA: number, b: number, lengthB: number): number {
  return Math.max(0, Math.min(a + lengthA, b + lengthB) - Math.max(a, b));
}

/**
 * Returns the intersection over union (IoU) of two boxes, from 0 to 1: the area that both cover, divided by the area that at least
 * one covers. A box with a side of 0 or less, or with a number that is not finite, has an IoU of 0 with every box.
 */
export function intersectionOverUnion(a: Box, b: Box): number {
  if (!isBox(a) || !isBox(b)) return 0;
  const both = overlap(a.left, a.width, b.left, b.width) * overlap(a.top, a.height, b.top, b.height);
  return both / (a.width * a.height + b.width * b.height - both);
}

/** Returns the part of a box that lies in an image. Sides are 0 for a box outside it. */
export function clipBox({ left, top, width, height }: Box, size: Size): Box {
  const right = Math.min(Math.max(left + width, 0), size.width);
  const bottom = Math.min(Math.max(top + height, 0), size.height);
  const from = { left: Math.min(Math.max(left, 0), size.width), top: Math.min(Math.max(top, 0), size.height) };
  return { ...from, width: Math.max(right - from.left, 0), height: Math.max(bottom - from.top, 0) };
}

/** Returns the fraction of a box's area, from 0 to 1, that lies in an image or a crop. */
export function visiblePart(box: Box, size: Size): number {
  const { width, height } = clipBox(box, size);
  return (width * height) / (box.width * box.height);
}

/** Steps from an image to a crop that move its boxes, as `trainingGeometry` and `evaluationGeometry` of `@vgg/data` return them. */
export type CropGeometry = Pick<Geometry, 'rescaled' | 'window' | 'flip'>;

/** Returns a box of an image, mirrored left to right with the image. */
export function flipBox(box: Box, { width }: Pick<Size, 'width'>): Box {
  return { ...box, left: width - box.left - box.width };
}

/**
 * Returns a box of an image in pixels of a crop: it is carried through rescaling, crop and flip. It is not clipped, so it may
 * reach beyond the crop.
 * @param size size of the image.
 */
export function boxInCrop(box: Box, size: Size, { rescaled, window, flip }: CropGeometry): Box {
  const across = rescaled.width / size.width;
  const down = rescaled.height / size.height;
  const moved = {
    left: box.left * across - window.left,
    top: box.top * down - window.top,
    width: box.width * across,
    height: box.height * down,
  };
  return flip ? flipBox(moved, window) : moved;
}

/** Returns a box of a crop in pixels of the image: the inverse of {@link boxInCrop}. */
export function boxInImage(box: Box, size: Size, { rescaled, window, flip }: CropGeometry): Box {
  const across = size.width / rescaled.width;
  const down = size.height / rescaled.height;
  const { left, top, width, height } = flip ? flipBox(box, window) : box;
  return {
    left: (left + window.left) * across,
    top: (top + window.top) * down,
    width: width * across,
    height: height * down,
  };
}
