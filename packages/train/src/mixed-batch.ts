/** Micro-batches whose images and labels CutMix or mixup has mixed. */
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
