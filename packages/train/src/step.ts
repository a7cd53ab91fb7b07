/** One training step: computes the gradient of a batch, checks it and updates the net (sections 3.1, 3.3). */
import { dispose, mul, type Tensor1D, tidy } from '@tensorflow/tfjs-core';
import { singleProcess } from '@vgg/core';
import { assertFinite, clipScale, type Optimiser } from '@vgg/optim';
import { explainLoss } from './diagnose';
import { type BatchSums, batchSums, type GradientOptions } from './gradient';
import { fromFirst } from './job';
import { type Metrics, meanOf, type Totals } from './metrics';

export interface StepOptions extends GradientOptions {
  optimiser: Optimiser;
  /** Learning rate of this step. */
  rate: number;
  /** Largest global norm of the gradients; larger ones are scaled down to it. Default no clipping. */
  clipNorm?: number | undefined;
}

export interface StepResult extends Metrics {
  totals: Totals;
  /** Global norm of the mean gradient, before clipping. */
  gradientNorm: number;
  /** True if the signal of any process was aborted by the end of the step. */
  aborted: boolean;
}

/** Moves the moving averages towards the mean of the micro-batches' statistics. */
function updateStatistics({ model }: StepOptions, { statistics, totals }: BatchSums): void {
  if (statistics.size === 0) return;
  tidy(() => {
    const means = [...statistics].map(([name, sum]): [string, Tensor1D] => [
      name,
      mul(sum as Tensor1D, 1 / totals.samples),
    ]);
    model.updateStatistics(Object.fromEntries(means));
  });
}

/**
 * Trains on one batch. If it throws, or the signal is aborted between two micro-batches, nothing has changed.
 *
 * @returns the metrics of the batch before the update, or `undefined` if the signal interrupted it.
 * @throws VggError `VGG_NON_FINITE` naming step and layer if the loss or a gradient is not finite, and the errors of
 *   {@link batchSums}.
 */
export async function trainStep(options: StepOptions): Promise<StepResult | undefined> {
  const { model, optimiser, rate, step, clipNorm, communicator = singleProcess } = options;
  const sums = await batchSums(options);
  if (sums === undefined) return undefined;
  const { gradients, statistics, totals, aborted } = sums;
  try {
    const metrics = meanOf(totals);
    if (!Number.isFinite(metrics.loss)) throw await explainLoss(options, metrics.loss);
    const ownNorm = await assertFinite({ step, loss: metrics.loss, gradients, variables: model.variables });
    // Processors of another kind may round it otherwise: the ranks would drift apart.
    const sumNorm = communicator.size === 1 ? ownNorm : await fromFirst(communicator, ownNorm);
    const gradientNorm = sumNorm / totals.samples;
    const clip = clipNorm === undefined ? 1 : clipScale(gradientNorm, clipNorm);
    optimiser.step(model.trainable, gradients, rate, clip / totals.samples);
    updateStatistics(options, sums);
    return { ...metrics, totals, gradientNorm, aborted };
  } finally {
    dispose([...gradients.values(), ...statistics.values()]);
  }
}
