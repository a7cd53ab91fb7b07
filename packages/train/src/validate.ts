/** Validation during training: one crop per image. The evaluation protocols of the paper are in `@vgg/eval`. */
import { dispose, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { type Communicator, singleProcess, VggError, yieldToEventLoop } from '@vgg/core';
import { checkBatch, type ImageBatch, imageShape } from './batch';
import { checkTargets, type Loss, type LossFunction, lossOf, measure } from './loss';
import { type Metrics, meanOf, type Totals } from './metrics';
import type { TrainableNet } from './net';
import { gatherTotals } from './reduce';

export interface ValidateOptions<B extends ImageBatch = ImageBatch> {
  model: Pick<TrainableNet, 'apply'>;
  /** Loss of the run. Default soft-max cross-entropy. */
  loss?: Loss | LossFunction | undefined;
  /** All batches; in a job of several processes those of this one, in the order of ranks. */
  batches: AsyncIterable<B> | Iterable<B>;
  /** Default a job of one process. */
  communicator?: Communicator | undefined;
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
 * Measures mean loss, top-1 and top-5 error (or the metric of `loss`) over all batches, without dropout and with batch norm's moving averages. In a
 * job, each process measures its batches, and all get the same result, to the bits of one process.
 *
 * @returns `undefined` if the signal of any process was aborted before its last batch.
 * @throws VggError `VGG_DATASET` if there is no batch, `VGG_SHAPE` or `VGG_ARGUMENT` if one does not fit the net.
 */
export async function validate<B extends ImageBatch>({
  model,
  loss: option,
  batches,
  communicator = singleProcess,
  signal,
  onScores,
  onProgress,
}: ValidateOptions<B>): Promise<Validation | undefined> {
  const objective = lossOf(option);
  const measured: Totals[] = [];
  let done = 0;
  let interrupted = false;
  let failure: unknown;
  try {
    for await (const batch of batches) {
      if (signal?.aborted) {
        interrupted = true;
        break;
      }
      checkBatch(batch);
      const { images, labels, targets, size } = batch;
      const given = { size, labels, targets, mixed: undefined };
      const [loss, logits] = tidy(() => {
        const scores = model.apply(tensor4d(images, imageShape(batch))).logits;
        checkTargets(objective, batch, scores.shape[1]);
        return [objective.sum(scores, given), scores];
      });
      const read = Promise.all([loss.data(), logits.data()]);
      const [[value], scores] = await read.finally(() => dispose([loss, logits]));
      onScores?.(batch, scores as Float32Array);
      measured.push(measure(objective, scores as Float32Array, value!, given));
      done += size;
      onProgress?.(done);
      await yieldToEventLoop();
    }
  } catch (error) {
    failure = error;
  }
  const { totals, aborted } = await gatherTotals(communicator, measured, interrupted, failure);
  if (aborted) return undefined;
  if (totals.samples === 0) throw new VggError('dataset', 'expected at least one batch to validate on, got none');
  return { samples: totals.samples, ...meanOf(totals) };
}
