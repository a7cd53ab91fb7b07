/**
 * The gradient of a batch (section 3.3): each process computes the micro-batches dealt to it and adds up their sums, the
 * sums of all processes are added, and what remains is to divide by the number of samples. Adding up on one device and
 * over many is the same mechanism, so the result does not depend, but for rounding, on who computed what.
 */
import { dispose, keep, mul, type Tensor, type Tensor2D, tensor4d } from '@tensorflow/tfjs-core';
import { type Communicator, randomStream, singleProcess } from '@vgg/core';
import { checkLabels, GradientAccumulator, lossAndGradients, softmaxCrossEntropy } from '@vgg/optim';
import type { MicroBatch } from './batch';
import { breathe } from './breathe';
import { cutMix } from './cut-mix';
import { addTotals, countErrors, NO_SAMPLES, type Totals } from './metrics';
import type { TrainableNet } from './net';
import { type NamedShape, reduceTensors, reduceTotals } from './reduce';

export interface GradientOptions {
  model: TrainableNet;
  /** All micro-batches of the batch; this process computes those whose index leaves its rank when divided by the size. */
  microBatches: readonly MicroBatch[];
  /** The run's seed: dropout of a layer draws from (seed, `dropout/<layer>`, step, micro-batch). */
  seed: number;
  /** Counted from 0 over the whole run. */
  step: number;
  /** 0, the paper's, unless given. */
  labelSmoothing?: number;
  /** Probability that a micro-batch's pictures get parts of each other (CutMix); 0, the paper's, unless given. */
  cutMix?: number;
  communicator?: Communicator;
  /** Stops between two micro-batches; heeded only by a job of one process, since all must stop at the same place. */
  signal?: AbortSignal;
  /** Called after each micro-batch of this process. */
  onMicroBatch?: (done: number, of: number) => void;
}

/** Sums over the batch's samples; the caller disposes the tensors. */
export interface BatchSums {
  /** Gradients of the summed loss, by variable. */
  gradients: ReadonlyMap<string, Tensor>;
  /** Batch-norm statistics, each micro-batch's weighted by its samples; empty without batch norm. */
  statistics: ReadonlyMap<string, Tensor>;
  totals: Totals;
  /** Whether the signal of any process had been raised by the end. */
  aborted: boolean;
}

interface MicroBatchResult {
  gradients: Map<string, Tensor>;
  statistics: Map<string, Tensor>;
  totals: Totals;
}

async function microBatchSums(options: GradientOptions, microBatch: MicroBatch): Promise<MicroBatchResult> {
  const { model, seed, step, labelSmoothing = 0, cutMix: probability = 0 } = options;
  const { labels, size, height, width, index } = microBatch;
  // Before the forward pass: TF.js frees what it saved for a gradient only once that is computed.
  checkLabels(labels, model.options.classes);
  const { images, mixed } =
    probability > 0
      ? cutMix(microBatch, probability, randomStream(seed, 'cut-mix', step, index))
      : { images: microBatch.images, mixed: undefined };
  const pixels = tensor4d(images, [size, height, width, 3]);
  let logits: Tensor2D | undefined;
  const statistics = new Map<string, Tensor>();
  try {
    const { loss, gradients } = lossAndGradients(() => {
      const output = model.apply(pixels, {
        training: true,
        dropout: (layer) => randomStream(seed, `dropout/${layer}`, step, index),
      });
      logits = keep(output.logits);
      for (const [name, statistic] of Object.entries(output.batchStatistics))
        statistics.set(name, keep(mul(statistic, size)));
      return softmaxCrossEntropy(output.logits, labels, {
        reduction: 'sum',
        labelSmoothing,
        ...(mixed === undefined ? {} : { mixed }),
      });
    }, model.trainable);
    const [[value], scores] = await Promise.all([loss.data(), logits!.data()]);
    loss.dispose();
    return { gradients, statistics, totals: { samples: size, loss: value!, ...countErrors(scores, labels) } };
  } catch (error) {
    dispose([...statistics.values()]);
    throw error;
  } finally {
    dispose([pixels, ...(logits === undefined ? [] : [logits])]);
  }
}

/**
 * The statistics that batch norm gives in training: those of each `bn….scale` that is trained. Every process must add them
 * up, even one that computed no micro-batch.
 */
function statisticShapes({ trainable }: TrainableNet): NamedShape[] {
  return [...trainable]
    .filter(([name]) => name.endsWith('.scale'))
    .flatMap(([name, { shape }]) =>
      ['mean', 'variance'].map((statistic) => ({ name: name.replace(/scale$/, statistic), shape })),
    );
}

/**
 * The sums of a batch over its micro-batches and over the processes of the job.
 *
 * @throws VggError `VGG_SHAPE` or `VGG_ARGUMENT` when images or labels do not suit the net, `VGG_STATE` when another
 *   process failed.
 */
export async function batchSums(options: GradientOptions): Promise<BatchSums> {
  const { model, microBatches, communicator = singleProcess, signal, onMicroBatch } = options;
  const alone = communicator.size === 1;
  const own = microBatches.filter(({ index }) => index % communicator.size === communicator.rank);
  const [gradients, statistics] = [new GradientAccumulator(), new GradientAccumulator()];
  let totals: Totals = NO_SAMPLES;
  let failure: unknown;
  try {
    for (const [i, microBatch] of own.entries()) {
      if (alone && signal?.aborted) break;
      const result = await microBatchSums(options, microBatch);
      gradients.add(result.gradients, microBatch.size);
      statistics.add(result.statistics, microBatch.size);
      totals = addTotals(totals, result.totals);
      onMicroBatch?.(i + 1, own.length);
      await breathe();
    }
  } catch (error) {
    if (alone) {
      gradients.reset();
      statistics.reset();
      throw error;
    }
    failure = error;
  }
  const aborted = signal?.aborted ?? false;
  if (alone) return { gradients: gradients.sums, statistics: statistics.sums, totals, aborted };
  try {
    const all = await reduceTotals(communicator, totals, aborted, failure);
    const trainable = [...model.trainable].map(([name, { shape }]) => ({ name, shape }));
    return {
      ...all,
      gradients: await reduceTensors(communicator, trainable, gradients.sums),
      statistics: await reduceTensors(communicator, statisticShapes(model), statistics.sums),
    };
  } finally {
    gradients.reset();
    statistics.reset();
  }
}
