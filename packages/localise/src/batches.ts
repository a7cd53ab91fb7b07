/** Batches for localisation nets: those of `@vgg/data`, with the boxes carried to each crop as targets. */
import { VggError } from '@vgg/core';
import {
  type Batch,
  drawAugmentation,
  type EvaluationTransform,
  evaluationGeometry,
  type TrainTransform,
  trainingGeometry,
} from '@vgg/data';
import { boxInCrop, type CropGeometry, visiblePart } from './box';
import { outputsOf, type Regression, writeTargets } from './regression';
import type { BoxSource } from './source';

/** Options of {@link withBoxes}. */
export interface BoxBatchOptions {
  readonly source: BoxSource;
  readonly regression: Regression;
  /** Transform of the loader that makes the batches: of training, with its random `seed`, or of evaluation. */
  readonly transform: TrainTransform | EvaluationTransform;
  /** Random seed of the loader. Required for a training transform. */
  readonly seed?: number | undefined;
  /**
   * Least fraction of a box that must lie in the crop; an image with less has no targets, since the net cannot see its object.
   * Default 0.5 in training, as in OverFeat, and 0 in evaluation.
   */
  readonly visible?: number | undefined;
}

/** A batch with the targets of its boxes. */
export type BoxBatch = Batch & {
  /** [size, outputs]: NaN for all outputs but those of the image's class. */
  readonly targets: Float32Array;
};

/** Returns the crop that the loader made of an image. The augmentation is addressed, so it can be computed again. */
function geometryOf({ source, transform, seed }: BoxBatchOptions, epoch: number, index: number): CropGeometry {
  const { size } = source.image(index);
  if (!('flip' in transform)) return evaluationGeometry(size, transform);
  if (seed === undefined) {
    throw new VggError(
      'argument',
      'expected the random seed of the loader for a training transform, got none: add seed',
    );
  }
  return trainingGeometry(size, transform, drawAugmentation(transform, seed, epoch, index));
}

/**
 * Yields the batches of a loader of `source` with their targets: each image's largest box, carried through the rescaling, crop and
 * flip of its augmentation.
 * @throws VggError `VGG_ARGUMENT` for a training transform without a seed.
 */
export async function* withBoxes(batches: AsyncIterable<Batch>, options: BoxBatchOptions): AsyncGenerator<BoxBatch> {
  const { source, regression, transform } = options;
  const { visible = 'flip' in transform ? 0.5 : 0 } = options;
  const outputs = outputsOf(regression, source.classes.length);
  for await (const batch of batches) {
    const targets = new Float32Array(batch.size * outputs).fill(Number.NaN);
    batch.indices.forEach((index, i) => {
      const { size, label, boxes } = source.image(index);
      const geometry = geometryOf(options, batch.epoch, index);
      const box = boxInCrop(boxes[0]!, size, geometry);
      const crop = geometry.window;
      if (visiblePart(box, crop) < visible) return;
      writeTargets(targets.subarray(i * outputs, (i + 1) * outputs), regression, { box, label, crop });
    });
    yield { ...batch, targets };
  }
}
