/** Measuring a net on batches in a fixed order, one crop each: what training watches. The paper's protocols are `@vgg/eval`. */
import { dispose, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { softmaxCrossEntropy } from '@vgg/optim';
import { checkBatch, type ImageBatch } from './batch';
import { breathe } from './breathe';
import { addTotals, countErrors, type Metrics, meanOf, NO_SAMPLES } from './metrics';
import type { TrainableNet } from './net';

export interface ValidateOptions<B extends ImageBatch = ImageBatch> {
  model: Pick<TrainableNet, 'apply'>;
  batches: AsyncIterable<B> | Iterable<B>;
  signal?: AbortSignal;
  /** Called with each batch and its class scores before the soft-max, [size, classes]. */
  onScores?: (batch: B, scores: Float32Array) => void;
  /** Called after each batch with the images done so far. */
  onProgress?: (images: number) => void;
}

export interface Validation extends Metrics {
  /** How many images were measured. */
  samples: number;
}

/**
 * Mean loss, top-1 and top-5 error over all batches, without dropout and with batch norm's moving averages.
 *
 * @returns `undefined` when the signal was raised before the last batch.
 * @throws VggError `VGG_DATASET` when there is no batch, `VGG_SHAPE` or `VGG_ARGUMENT` when one does not suit the net.
 */
export async function validate<B extends ImageBatch>({
  model,
  batches,
  signal,
  onScores,
  onProgress,
}: ValidateOptions<B>): Promise<Validation | undefined> {
  let totals = { ...NO_SAMPLES };
  for await (const batch of batches) {
    if (signal?.aborted) return undefined;
    checkBatch(batch);
    const { images, labels, size, height, width } = batch;
    const [loss, logits] = tidy(() => {
      const scores = model.apply(tensor4d(images, [size, height, width, 3])).logits;
      return [softmaxCrossEntropy(scores, labels, { reduction: 'sum' }), scores];
    });
    const [[value], scores] = await Promise.all([loss.data(), logits.data()]);
    dispose([loss, logits]);
    onScores?.(batch, scores as Float32Array);
    totals = addTotals(totals, { samples: size, loss: value!, ...countErrors(scores, labels) });
    onProgress?.(totals.samples);
    await breathe();
  }
  if (totals.samples === 0) throw new VggError('dataset', 'expected at least one batch to validate on, got none');
  return { samples: totals.samples, ...meanOf(totals) };
}
