/** Prediction of the classes of one image in memory. */
import { requireInteger } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { BATCH_PIXELS, checkArea, MAX_IMAGE_PIXELS } from './limits';
import { guesses } from './predictions';
import { allScales, checkPlan, type EvaluatedNet, type Protocol, scalesOf } from './protocol';
import { scoreImages } from './score';

/** Options of {@link predict}. */
export interface PredictOptions {
  /** Nets that predict; several are fused. */
  readonly nets: readonly EvaluatedNet[];
  readonly image: RawImage;
  /** Test protocol. Default `dense`. */
  readonly protocol?: Protocol | undefined;
  /** Every Q of the nets without their own, in pixels; posteriors are averaged over them. */
  readonly scales: readonly number[];
  /** True if dense and multi-crop evaluation also average over the horizontal flip. Default true. */
  readonly flips?: boolean | undefined;
  /** Name of the image in errors. Default `the image`. */
  readonly key?: string | undefined;
  /** Same as in {@link evaluate}. */
  readonly batchPixels?: number | undefined;
  /** Same as in {@link evaluate}. */
  readonly maxImagePixels?: number | undefined;
  /** Signal that aborts the prediction between two forward passes. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of {@link predict}. */
export interface ImagePrediction {
  /** Five most probable classes, or all if there are fewer, most probable first. */
  readonly classes: readonly number[];
  /** Their posteriors. */
  readonly probabilities: readonly number[];
  /** Posteriors of all classes; they sum to 1. */
  readonly posterior: Float64Array;
}

/**
 * Predicts the class of an image.
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be executed, `VGG_IMAGE` when the image is above
 *   `maxImagePixels`, `VGG_NON_FINITE` when a net returns NaN.
 */
export async function predict({
  nets,
  image,
  protocol = 'dense',
  scales,
  flips = true,
  key = 'the image',
  batchPixels = BATCH_PIXELS,
  maxImagePixels = MAX_IMAGE_PIXELS,
  signal,
}: PredictOptions): Promise<ImagePrediction> {
  const plan = { nets, protocols: [protocol], scales, flips };
  checkPlan(plan);
  requireInteger('batchPixels', batchPixels, 1);
  requireInteger('maxImagePixels', maxImagePixels, 1);
  checkArea(key, image, allScales(nets, plan), maxImagePixels);
  const [result] = await scoreImages([{ key, at: () => image }], plan, { batchPixels, signal, onBatch: () => {} });
  const names = nets.map(({ name }) => name);
  const byNet = new Map(nets.map((net) => [net.name, scalesOf(net, plan)]));
  const posterior = result!.combine(names, protocol, byNet);
  return { ...guesses(posterior), posterior };
}
