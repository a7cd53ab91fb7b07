/** Mixup (Zhang et al., arXiv:1710.09412): each image and its label are blended with another image and its label. */
import type { RandomStream } from '@vgg/core';
import type { MicroBatch } from './batch';
import { type MixedBatch, mixedTargets } from './mixed-batch';

/** Both parameters of the Beta distribution of the shares, as in the paper's ImageNet runs and in torchvision's references. */
const ALPHA = 0.2;

/**
 * Draws a share from Beta(α, α) by Jöhnk's method: two powers of uniform numbers whose sum is at most 1, and their quotient.
 */
function drawShare(random: RandomStream): number {
  for (;;) {
    const x = random.uniform() ** (1 / ALPHA);
    const y = random.uniform() ** (1 / ALPHA);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

/**
 * Blends every image with another image of the micro-batch: image i with image size - 1 - i. The share of the other image
 * is the same for all, and at most 1/2, which makes no difference as both images of a pair are blended. Returns a new
 * micro-batch.
 *
 * @param probability probability of mixing, from 0 to 1; otherwise the micro-batch is returned unchanged.
 */
export function mixUp(batch: MicroBatch, probability: number, random: RandomStream): MixedBatch {
  if (random.uniform() >= probability) return batch;
  const { images, size } = batch;
  const drawn = drawShare(random);
  const share = Math.min(drawn, 1 - drawn);
  const length = images.length / size;
  const mixed = Float32Array.from(images, (own, i) => {
    const other = images[(size - 1 - Math.floor(i / length)) * length + (i % length)]!;
    return (1 - share) * own + share * other;
  });
  return { ...batch, images: mixed, ...mixedTargets(batch, share) };
}
