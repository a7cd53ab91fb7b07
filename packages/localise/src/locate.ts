/** Finds objects in images: the most probable classes, each with a box (appendix A.1). */
import { requireInteger } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { topClasses } from '@vgg/eval';
import { clipBox } from './box';
import type { LabelledBox } from './errors';
import { type MergeOptions, mergeBoxes } from './merge';
import { type BoxPredictions, type LocalisationPlan, predictBoxes } from './predictions';

/** Object that a net has found. */
export interface LocatedObject extends LabelledBox {
  /** Name of the class. */
  readonly name: string;
  /** Posterior of the class for the whole image. */
  readonly probability: number;
  /** Sum of the class's posteriors at the positions whose boxes were merged. */
  readonly score: number;
  /** Number of merged boxes. */
  readonly parts: number;
}

/** Options of {@link locate}. */
export interface LocateOptions extends LocalisationPlan, MergeOptions {
  /** Number of classes. Default 5. */
  readonly top?: number | undefined;
}

/** Returns the merged box of a class with the highest score, within the image; undefined if no position has a box. */
export function bestBox(
  predictions: BoxPredictions,
  label: number,
  image: Pick<RawImage, 'width' | 'height'>,
  options: MergeOptions,
): Pick<LocatedObject, 'box' | 'score' | 'parts'> | undefined {
  const [best] = mergeBoxes(predictions.boxesOf(label), options);
  return best && { ...best, box: clipBox(best.box, image) };
}

/**
 * Returns the most probable classes of an image, the most probable first, each with the box that the merged predictions rate
 * highest. A class without a box is left out.
 * @throws VggError as {@link predictBoxes}.
 */
export async function locate(image: RawImage, options: LocateOptions): Promise<LocatedObject[]> {
  const { top = 5, classifier } = options;
  requireInteger('top', top, 1);
  const predictions = await predictBoxes(image, options);
  const { probabilities } = predictions;
  return topClasses(probabilities, Math.min(top, probabilities.length)).flatMap((label) => {
    const found = bestBox(predictions, label, image, options);
    if (found === undefined) return [];
    return [{ label, name: classifier.classes[label]!, probability: probabilities[label]!, ...found }];
  });
}
