/** CutMix (Yun et al., arXiv:1905.04899): a rectangle of each picture is another's, and so is that part of its label. */

import type { RandomStream } from '@vgg/core';
import type { MixedLabels } from '@vgg/optim';
import type { MicroBatch } from './batch';

/** A micro-batch whose pictures may hold parts of others. `labels` are those of the pictures that were cut into. */
export interface MixedBatch extends MicroBatch {
  mixed?: MixedLabels;
}

/**
 * Cuts one rectangle, of a place and a share of the area that are uniform (the paper's alpha of 1), into every picture of
 * the micro-batch: out of the one as far from its end as this one is from its beginning. The batch given is not changed.
 *
 * @param probability how often it is done, 0 to 1; otherwise the batch comes back as it is.
 */
export function cutMix(batch: MicroBatch, probability: number, random: RandomStream): MixedBatch {
  if (random.uniform() >= probability) return batch;
  const { images, labels, size, height, width } = batch;
  const side = Math.sqrt(random.uniform());
  const [centreY, centreX] = [random.uniform() * height, random.uniform() * width];
  const clip = (value: number, most: number) => Math.min(most, Math.max(0, Math.round(value)));
  const [top, bottom] = [clip(centreY - (side * height) / 2, height), clip(centreY + (side * height) / 2, height)];
  const [left, right] = [clip(centreX - (side * width) / 2, width), clip(centreX + (side * width) / 2, width)];
  const mixed = images.slice();
  const picture = height * width * 3;
  for (let i = 0; i < size; i++) {
    const [to, from] = [i * picture, (size - 1 - i) * picture];
    for (let y = top; y < bottom; y++) {
      const [start, end] = [(y * width + left) * 3, (y * width + right) * 3];
      mixed.set(images.subarray(from + start, from + end), to + start);
    }
  }
  const share = ((bottom - top) * (right - left)) / (height * width);
  return { ...batch, images: mixed, mixed: { labels: labels.slice().reverse(), share } };
}
