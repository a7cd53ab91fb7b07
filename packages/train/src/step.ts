/** One step of training: the gradient of a batch, checked, and the update it makes (sections 3.1, 3.3). */
import { dispose, mul, type Tensor1D, tidy } from '@tensorflow/tfjs-core';
import { assertFinite, clipScale, type Optimiser } from '@vgg/optim';
import { explainLoss } from './diagnose';
import { type BatchSums, batchSums, type GradientOptions } from './gradient';
import { type Metrics, meanOf, type Totals } from './metrics';

export interface StepOptions extends GradientOptions {
  optimiser: Optimiser;
  /** The learning rate of this step. */
  rate: number;
  /** Gradients whose global norm is above this are scaled down to it; not clipped unless given. */
  clipNorm?: number;
}

export interface StepResult extends Metrics {
  totals: Totals;
  /** Global norm of the mean gradient, before clipping. */
  gradientNorm: number;
  /** Whether the signal was raised, on any process, by the end of the step. */
  aborted: boolean;
}

/** The moving averages advance by the mean of the micro-batches' statistics, in whatever order they were computed. */
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
 * Trains on one batch. Nothing has changed when it throws, or when the signal was raised between two micro-batches.
 *
 * @returns the measures of the batch before the update, or `undefined` when the signal interrupted it.
 * @throws VggError `VGG_NON_FINITE` naming step and layer when the loss or a gradient is not finite, and what
 *   {@link batchSums} throws.
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
