/**
 * CutMix (Yun et al., arXiv:1905.04899): part of each image, and the same share of its label, come from another image.
 */
import type { RandomStream } from '@vgg/core';
import type { MicroBatch } from './batch';
import { type MixedBatch, mixedTargets } from './mixed-batch';

/**
 * Replaces one rectangle of every image by that of another image of the micro-batch: image i takes it from image
 * size - 1 - i. Place and area are the same for all images and uniformly random (the paper's alpha of 1). Returns a new
 * micro-batch.
 *
 * @param probability probability of mixing, from 0 to 1; otherwise the micro-batch is returned unchanged.
 */
export function cutMix(batch: MicroBatch, probability: number, random: RandomStream): MixedBatch {
  if (random.uniform() >= probability) return batch;
  const { images, size, height, width, channels = 3 } = batch;
  const side = Math.sqrt(random.uniform());
  const centreY = random.uniform() * height;
  const centreX = random.uniform() * width;
  const clip = (value: number, max: number) => Math.min(max, Math.max(0, Math.round(value)));
  const top = clip(centreY - (side * height) / 2, height);
  const bottom = clip(centreY + (side * height) / 2, height);
  const left = clip(centreX - (side * width) / 2, width);
  const right = clip(centreX + (side * width) / 2, width);
  const mixed = images.slice();
  const imageLength = height * width * channels;
  for (let i = 0; i < size; i++) {
    const to = i * imageLength;
    const from = (size - 1 - i) * imageLength;
    for (let y = top; y < bottom; y++) {
      const start = (y * width + left) * channels;
      const end = (y * width + right) * channels;
      mixed.set(images.subarray(from + start, from + end), to + start);
    }
  }
  const share = ((bottom - top) * (right - left)) / (height * width);
  return { ...batch, images: mixed, ...mixedTargets(batch, share) };
}
