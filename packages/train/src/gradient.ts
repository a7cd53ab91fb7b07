/**
 * The gradient of a batch (section 3.3). Each process computes its share of the micro-batches, the sums of all are added,
 * and the total is divided by the number of samples. Micro-batches are added in one order, so the
 * result has the same bits for any number of processes.
 */
import { dispose, mul, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import { type Communicator, randomStream, shareOf, singleProcess, yieldToEventLoop } from '@vgg/core';
import { GradientAccumulator, lossAndGradients } from '@vgg/optim';
import { imageShape, type MicroBatch } from './batch';
import { cutMix } from './cut-mix';
import { checkTargets, type Loss, type LossFunction, lossOf, measure } from './loss';
import { addTotals, NO_SAMPLES, type Totals } from './metrics';
import { mixUp } from './mix-up';
import type { MixedBatch } from './mixed-batch';
import type { TrainableNet } from './net';
import { gatherTotals, type NamedShape, reduceTensors } from './reduce';

export interface GradientOptions {
  model: TrainableNet;
  /** Micro-batches of the batch: all, or those of this process alone. A process computes its share, by their index. */
  microBatches: readonly MicroBatch[];
  /** Number of micro-batches of the whole batch. Default as many as there are. */
  microBatchCount?: number | undefined;
  /** Random seed of the run. Dropout of a layer uses the stream (seed, `dropout/<layer>`, step, micro-batch). */
  seed: number;
  /** Number of the step, counted from 0 over the whole run. */
  step: number;
  /** Loss that is minimised. Default soft-max cross-entropy, as in the paper. */
  loss?: Loss | LossFunction | undefined;
  /** ε in [0, 1) of the default loss. Default 0, as in the paper. */
  labelSmoothing?: number | undefined;
  /** Probability that the images of a micro-batch get parts of each other (CutMix). Default 0, as in the paper. */
  cutMix?: number | undefined;
  /** Probability that the images of a micro-batch not mixed by CutMix are blended (mixup). Default 0, as in the paper. */
  mixUp?: number | undefined;
  /** Weight of each class in the default loss; see `softmaxCrossEntropy` of `@vgg/optim`. Default 1. */
  classWeights?: readonly number[] | undefined;
  /** Default a job of one process. */
  communicator?: Communicator | undefined;
  /** Stops between two micro-batches. A job of several processes ignores it, since all must stop at the same place. */
  signal?: AbortSignal | undefined;
  /** Called after each micro-batch of this process with the number completed and their total number. */
  onMicroBatch?: ((done: number, of: number) => void) | undefined;
}

/** Sums over the samples of a batch. The caller disposes the tensors. */
export interface BatchSums {
  /** Gradients of the summed loss, by variable. */
  gradients: ReadonlyMap<string, Tensor>;
  /** Batch-norm statistics, each micro-batch weighted by its number of samples; empty without batch norm. */
  statistics: ReadonlyMap<string, Tensor>;
  totals: Totals;
  /** True if the signal of any process was aborted. */
  aborted: boolean;
}

interface MicroBatchResult {
  gradients: Map<string, Tensor>;
  statistics: Map<string, Tensor>;
  totals: Totals;
}

/** Returns the micro-batch, mixed by CutMix or else by mixup if their turn is drawn. */
function mixedBatch({ seed, step, cutMix: cut = 0, mixUp: blend = 0 }: GradientOptions, batch: MicroBatch): MixedBatch {
  const cutBatch: MixedBatch = cut > 0 ? cutMix(batch, cut, randomStream(seed, 'cut-mix', step, batch.index)) : batch;
  if (blend === 0 || cutBatch !== batch) return cutBatch;
  return mixUp(batch, blend, randomStream(seed, 'mix-up', step, batch.index));
}

/** Computes a micro-batch. Its gradients are added to the sums of earlier ones as soon as they are computed. */
async function microBatchSums(
  options: GradientOptions,
  microBatch: MicroBatch,
  { addSums }: GradientAccumulator,
): Promise<MicroBatchResult> {
  const { model, seed, step, labelSmoothing = 0, classWeights } = options;
  const { size, index } = microBatch;
  const loss = lossOf(options.loss, { labelSmoothing, classWeights });
  // Checked before the forward pass: TF.js frees the tensors saved for a gradient only once the gradient is computed.
  checkTargets(loss, microBatch, model.options.classes);
  const { images, labels, targets, mixed } = mixedBatch(options, microBatch);
  const given = { size, labels, targets, mixed };
  const pixels = tensor4d(images, imageShape(microBatch));
  try {
    const {
      loss: total,
      gradients,
      aux,
    } = lossAndGradients(
      () => {
        const { logits, batchStatistics } = model.apply(pixels, {
          training: true,
          dropout: (layer) => randomStream(seed, `dropout/${layer}`, step, index),
        });
        const statistics: Record<string, Tensor> = {};
        for (const [name, statistic] of Object.entries(batchStatistics)) statistics[name] = mul(statistic, size);
        return { loss: loss.sum(logits, given), aux: { logits, statistics } };
      },
      model.trainable,
      addSums,
    );
    const { logits } = aux;
    const statistics = new Map(Object.entries(aux.statistics));
    try {
      const [[value], outputs] = await Promise.all([total.data(), logits.data()]);
      return { gradients, statistics, totals: measure(loss, outputs as Float32Array, value!, given) };
    } catch (error) {
      dispose([...gradients.values(), ...statistics.values()]);
      throw error;
    } finally {
      dispose([total, logits]);
    }
  } finally {
    pixels.dispose();
  }
}

/**
 * Returns the batch-norm statistics of a training step: those of each `bn….scale` that is trained. Every process must
 * add them up, even one without a micro-batch.
 */
function statisticShapes({ trainable }: TrainableNet): NamedShape[] {
  return [...trainable]
    .filter(([name]) => name.endsWith('.scale'))
    .flatMap(([name, { shape }]) =>
      ['mean', 'variance'].map((statistic) => ({ name: name.replace(/scale$/, statistic), shape })),
    );
}

/**
 * Computes the sums of a batch over its micro-batches and over the processes of the job.
 *
 * @returns `undefined` if the signal was aborted between two micro-batches of a job of one process.
 * @throws VggError `VGG_SHAPE` or `VGG_ARGUMENT` if images or labels do not fit the net, `VGG_STATE` if another process
 *   failed.
 */
export async function batchSums(options: GradientOptions): Promise<BatchSums | undefined> {
  const { model, microBatches, communicator = singleProcess, signal, onMicroBatch } = options;
  const { microBatchCount: count = microBatches.length } = options;
  const alone = communicator.size === 1;
  const { first, end } = shareOf(count, communicator.rank, communicator.size);
  const own = microBatches.filter(({ index }) => index >= first && index < end);
  const gradients = new GradientAccumulator(count, first);
  const statistics = new GradientAccumulator(count, first);
  const totals: Totals[] = [];
  let failure: unknown;
  let complete = false;
  try {
    for (const [i, microBatch] of own.entries()) {
      if (alone && signal?.aborted) return undefined;
      const result = await microBatchSums(options, microBatch, gradients);
      gradients.add(result.gradients, microBatch.size);
      statistics.add(result.statistics, microBatch.size);
      totals.push(result.totals);
      onMicroBatch?.(i + 1, own.length);
      await yieldToEventLoop();
    }
    complete = alone;
  } catch (error) {
    if (alone) throw error;
    failure = error;
  } finally {
    if (alone && !complete) {
      gradients.reset();
      statistics.reset();
    }
  }
  const aborted = signal?.aborted ?? false;
  if (alone) {
    return {
      gradients: gradients.parts[0]!,
      statistics: statistics.parts[0]!,
      totals: totals.reduce(addTotals, NO_SAMPLES),
      aborted,
    };
  }
  try {
    const all = await gatherTotals(communicator, totals, aborted, failure);
    const trainable = [...model.trainable].map(([name, { shape }]) => ({ name, shape }));
    const [gradientSums, statisticSums] = await reduceTensors(
      communicator,
      [
        { entries: trainable, parts: gradients.parts },
        { entries: statisticShapes(model), parts: statistics.parts },
      ],
      count,
    );
    return { ...all, gradients: gradientSums!, statistics: statisticSums! };
  } finally {
    gradients.reset();
    statistics.reset();
  }
}
