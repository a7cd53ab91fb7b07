/**
 * CutMix (Yun et al., arXiv:1905.04899): part of each image, and the same share of its label, come from another image.
 */
import type { RandomStream } from '@vgg/core';
import type { MixedLabels } from '@vgg/optim';
import type { MicroBatch } from './batch';

/**
 * Micro-batch whose images may contain parts of others. `labels` are those of the images that the parts were put into.
 */
export interface MixedBatch extends MicroBatch {
  /** Labels of the parts. Absent if no image was mixed. */
  mixed?: MixedLabels | undefined;
}

/** Returns the labels of the other images with their share, and the targets blended by it. Image i gets image size - 1 - i. */
export function mixedTargets(
  { labels, targets, size }: MicroBatch,
  share: number,
): Pick<MixedBatch, 'mixed' | 'targets'> {
  const outputs = (targets?.length ?? 0) / size;
  const blended = targets?.map((own, i) => {
    const other = targets[(size - 1 - Math.floor(i / outputs)) * outputs + (i % outputs)]!;
    return (1 - share) * own + share * other;
  });
  return { mixed: labels && { labels: labels.slice().reverse(), share }, targets: blended };
}

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
