/** Evaluation of localisation nets on labelled boxes, as in the paper's Tables 8 and 9. */
import { VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { topClasses } from '@vgg/eval';
import {
  bestOverlap,
  type LabelledBox,
  localisationError,
  type OverlapPoint,
  overlapCurve,
  type TrueObjects,
} from './errors';
import { bestBox } from './locate';
import type { MergeOptions } from './merge';
import { type LocalisationPlan, predictBoxes } from './predictions';

/** Image with the objects of its class. */
export interface TrueImage extends TrueObjects {
  /** Decodes the image, which may be reduced for scale `minSide`: boxes are carried to its size. */
  load(minSide: number): Promise<RawImage>;
  /** Size in which the boxes are given. */
  readonly size: { readonly width: number; readonly height: number };
}

/** Options of {@link evaluateBoxes}. */
export interface EvaluateBoxesOptions extends LocalisationPlan, MergeOptions {
  readonly images: Iterable<TrueImage> | AsyncIterable<TrueImage>;
  readonly signal?: AbortSignal | undefined;
  /** Called after each image with the number of images so far. */
  readonly onProgress?: ((images: number) => void) | undefined;
}

/** Result of {@link evaluateBoxes}. Errors are in %. */
export interface BoxEvaluation {
  /** Number of images. */
  readonly images: number;
  /** Localisation error of the five most probable classes (Table 9). */
  readonly top5Error: number;
  /** Localisation error of the most probable class. */
  readonly top1Error: number;
  /** Localisation error of the box of the true class. */
  readonly trueClassError: number;
  /** Classification errors of the same passes. */
  readonly classTop5Error: number;
  readonly classTop1Error: number;
  /** Mean IoU of the box of the true class. */
  readonly meanOverlap: number;
  readonly curve: readonly OverlapPoint[];
}

/** Stands for the box of a class without predictions: it overlaps nothing. */
const NO_BOX = { left: 0, top: 0, width: 0, height: 0 };

/**
 * Applies the nets densely to every image, merges their boxes, and compares those of the five most probable classes and of the true
 * class with the true boxes.
 * @throws VggError as `predictBoxes`; `VGG_DATASET` if there is no image; the reason of `signal` when it is aborted.
 */
export async function evaluateBoxes(options: EvaluateBoxesOptions): Promise<BoxEvaluation> {
  const { images, signal, onProgress, classifier } = options;
  const { scales = [classifier.transform!.scale] } = options;
  const guesses: LabelledBox[][] = [];
  const truths: TrueObjects[] = [];
  const overlaps: number[] = [];
  let classWrong1 = 0;
  let classWrong5 = 0;
  for await (const { label, boxes, size, load } of images) {
    signal?.throwIfAborted();
    const image = await load(scales.reduce((most, scale) => Math.max(most, scale)));
    const across = image.width / size.width;
    const down = image.height / size.height;
    const own = boxes.map(({ left, top, width, height }) => ({
      left: left * across,
      top: top * down,
      width: width * across,
      height: height * down,
    }));
    const predictions = await predictBoxes(image, options);
    const top = topClasses(predictions.probabilities, 5);
    const found = new Map([...top, label].map((one) => [one, bestBox(predictions, one, image, options)?.box]));
    guesses.push(top.map((one) => ({ label: one, box: found.get(one) ?? NO_BOX })));
    truths.push({ label, boxes: own });
    const box = found.get(label);
    overlaps.push(box === undefined ? 0 : bestOverlap(box, own));
    if (top[0] !== label) classWrong1 += 1;
    if (!top.includes(label)) classWrong5 += 1;
    onProgress?.(truths.length);
  }
  const count = truths.length;
  if (count === 0) throw new VggError('dataset', 'expected at least one image with a box to evaluate on, got none');
  const curve = overlapCurve(overlaps);
  return {
    images: count,
    top5Error: localisationError(guesses, truths),
    top1Error: localisationError(guesses, truths, { top: 1 }),
    trueClassError: (100 * overlaps.filter((overlap) => overlap < 0.5).length) / count,
    classTop5Error: (100 * classWrong5) / count,
    classTop1Error: (100 * classWrong1) / count,
    meanOverlap: overlaps.reduce((sum, overlap) => sum + overlap, 0) / count,
    curve,
  };
}
