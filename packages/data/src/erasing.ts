/**
 * Random erasing (Zhong et al., arXiv:1708.04896, as torchvision's RandomErasing with its defaults): a rectangle of a training
 * crop loses its content, so that a net cannot lean on one part of a picture. Not in the paper.
 */
import type { RandomStream } from '@vgg/core';
import type { Window } from './image';

/** Part of the crop's area. */
const AREA = [0.02, 0.33] as const;
/** Height by width, drawn uniformly in its logarithm. */
const RATIO = [0.3, 3.3] as const;
const ATTEMPTS = 10;

/** A rectangle within a crop of `side` x `side`; none in the rare case that ten draws do not fit. */
export function drawErased(random: RandomStream, side: number): Window | null {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = side ** 2 * between(random, ...AREA);
    const ratio = Math.exp(between(random, Math.log(RATIO[0]), Math.log(RATIO[1])));
    const [height, width] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (height >= side || width >= side) continue;
    return { left: random.integer(side - width + 1), top: random.integer(side - height + 1), width, height };
  }
  return null;
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/** Sets the window of the crop of `side` x `side` RGB pixels at `offset` to 0: the mean colour, once the mean is subtracted. */
export function erase(out: Float32Array, offset: number, side: number, { left, top, width, height }: Window): void {
  for (let y = top; y < top + height; y++) {
    const row = offset + (y * side + left) * 3;
    out.fill(0, row, row + width * 3);
  }
}
