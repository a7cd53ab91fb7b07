/** The classes of one image in memory. */
import type { RawImage } from '@vgg/data';
import { BATCH_PIXELS, checkArea, checkPositive, MAX_IMAGE_PIXELS } from './limits';
import { guesses } from './predictions';
import { checkPlan, type EvaluatedNet, type Protocol } from './protocol';
import { scoreImages } from './score';

export interface PredictOptions {
  /** Several are fused. */
  readonly nets: readonly EvaluatedNet[];
  readonly image: RawImage;
  /** Default `dense`. */
  readonly protocol?: Protocol;
  /** Every Q, in pixels; posteriors are averaged over them. */
  readonly scales: readonly number[];
  /** Default true. */
  readonly flips?: boolean;
  /** What errors call the image. Default `the image`. */
  readonly key?: string;
  /** As in {@link evaluate}. */
  readonly batchPixels?: number;
  /** As in {@link evaluate}. */
  readonly maxImagePixels?: number;
  readonly signal?: AbortSignal;
}

export interface ImagePrediction {
  /** The five most probable classes, or all if there are fewer, most probable first. */
  readonly classes: readonly number[];
  readonly probabilities: readonly number[];
  /** One probability for each class; they sum to 1. */
  readonly posterior: Float64Array;
}

/**
 * Predicts the class of an image.
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be carried out, `VGG_IMAGE` when the image is above
 *   `maxImagePixels`, `VGG_NON_FINITE` when a net gives NaN.
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
  checkPositive(batchPixels, 'batchPixels');
  checkPositive(maxImagePixels, 'maxImagePixels');
  checkArea(key, image, scales, maxImagePixels);
  const [result] = await scoreImages([{ key, image }], plan, { batchPixels, signal, onBatch: () => {} });
  const names = nets.map(({ name }) => name);
  const posterior = result!.combine(names, protocol, scales);
  return { ...guesses(posterior), posterior };
}
