/** One training step: computes the gradient of a batch, checks it and updates the net (sections 3.1, 3.3). */
import { dispose, mul, type Tensor1D, tidy } from '@tensorflow/tfjs-core';
import { assertFinite, clipScale, type Optimiser } from '@vgg/optim';
import { explainLoss } from './diagnose';
import { type BatchSums, batchSums, type GradientOptions } from './gradient';
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
  const { model, optimiser, rate, step, clipNorm, microBatches, communicator } = options;
  const sums = await batchSums(options);
  const { gradients, statistics, totals, aborted } = sums;
  try {
    const expected = microBatches.reduce((total, { size }) => total + size, 0);
    if (aborted && totals.samples < expected && (communicator?.size ?? 1) === 1) return undefined;
    const metrics = meanOf(totals);
    if (!Number.isFinite(metrics.loss)) throw await explainLoss(options, metrics.loss);
    const sumNorm = await assertFinite({ step, loss: metrics.loss, gradients, variables: model.variables });
    const gradientNorm = sumNorm / totals.samples;
    const clip = clipNorm === undefined ? 1 : clipScale(gradientNorm, clipNorm);
    optimiser.step(model.trainable, gradients, rate, clip / totals.samples);
    updateStatistics(options, sums);
    return { ...metrics, totals, gradientNorm, aborted };
  } finally {
    dispose([...gradients.values(), ...statistics.values()]);
  }
}
