/**
 * Erases a random rectangle of a training crop, so that the net cannot rely on one part of the image. This is random erasing
 * (Zhong et al., arXiv:1708.04896) as torchvision's RandomErasing with its defaults. It is not in the VGG paper.
 */
import type { RandomStream } from '@vgg/core';
import type { Size, Window } from './image';

/** Range of the rectangle's area, as a fraction of the crop's. */
const AREA = [0.02, 0.33] as const;
/** Range of height divided by width. The logarithm is drawn uniformly. */
const RATIO = [0.3, 3.3] as const;
const ATTEMPTS = 10;

/** Draws a rectangle inside a crop. Returns `null` in the rare case that ten rectangles do not fit. */
export function drawErased(random: RandomStream, crop: Size): Window | null {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = crop.width * crop.height * between(random, ...AREA);
    const ratio = Math.exp(between(random, Math.log(RATIO[0]), Math.log(RATIO[1])));
    const height = Math.round(Math.sqrt(area * ratio));
    const width = Math.round(Math.sqrt(area / ratio));
    if (height >= crop.height || width >= crop.width) continue;
    const left = random.integer(crop.width - width + 1);
    return { left, top: random.integer(crop.height - height + 1), width, height };
  }
  return null;
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/** Sets a window of the crop at `offset`, whose rows have `length` pixels, to 0: the mean colour after the mean is subtracted. */
export function erase(out: Float32Array, offset: number, length: number, { left, top, width, height }: Window): void {
  for (let y = top; y < top + height; y++) {
    const row = offset + (y * length + left) * 3;
    out.fill(0, row, row + width * 3);
  }
}
