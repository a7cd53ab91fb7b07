/** Validation during training: one crop per image. The evaluation protocols of the paper are in `@vgg/eval`. */
import { dispose, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError, yieldToEventLoop } from '@vgg/core';
import { softmaxCrossEntropy } from '@vgg/optim';
import { checkBatch, type ImageBatch } from './batch';
import { addTotals, countErrors, type Metrics, meanOf, NO_SAMPLES } from './metrics';
import type { TrainableNet } from './net';

export interface ValidateOptions<B extends ImageBatch = ImageBatch> {
  model: Pick<TrainableNet, 'apply'>;
  batches: AsyncIterable<B> | Iterable<B>;
  signal?: AbortSignal | undefined;
  /** Called with each batch and its class scores before the soft-max, [size, classes]. */
  onScores?: ((batch: B, scores: Float32Array) => void) | undefined;
  /** Called after each batch with the number of images measured so far. */
  onProgress?: ((images: number) => void) | undefined;
}

export interface Validation extends Metrics {
  /** Number of images. */
  samples: number;
}

/**
 * Measures mean loss, top-1 and top-5 error over all batches, without dropout and with batch norm's moving averages.
 *
 * @returns `undefined` if the signal was aborted before the last batch.
 * @throws VggError `VGG_DATASET` if there is no batch, `VGG_SHAPE` or `VGG_ARGUMENT` if one does not fit the net.
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
    await yieldToEventLoop();
  }
  if (totals.samples === 0) throw new VggError('dataset', 'expected at least one batch to validate on, got none');
  return { samples: totals.samples, ...meanOf(totals) };
}
