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
  /** Decodes the image, which may be reduced: boxes are carried to its size. */
  load(): Promise<RawImage>;
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

/** Errors of localisation nets over images that are added one by one. */
export class BoxErrors {
  readonly #options: LocalisationPlan & MergeOptions;
  readonly #guesses: LabelledBox[][] = [];
  readonly #truths: TrueObjects[] = [];
  readonly #overlaps: number[] = [];
  #classWrong1 = 0;
  #classWrong5 = 0;

  constructor(options: LocalisationPlan & MergeOptions) {
    this.#options = options;
  }

  /** Finds the objects of an image and compares them with the true ones. @throws VggError as `predictBoxes`. */
  async add(image: RawImage, { label, boxes, size }: Omit<TrueImage, 'load'>): Promise<void> {
    const across = image.width / size.width;
    const down = image.height / size.height;
    const own = boxes.map(({ left, top, width, height }) => ({
      left: left * across,
      top: top * down,
      width: width * across,
      height: height * down,
    }));
    const predictions = await predictBoxes(image, this.#options);
    const top = topClasses(predictions.probabilities, 5);
    const found = new Map([...top, label].map((one) => [one, bestBox(predictions, one, image, this.#options)?.box]));
    this.#guesses.push(top.map((one) => ({ label: one, box: found.get(one) ?? NO_BOX })));
    this.#truths.push({ label, boxes: own });
    const box = found.get(label);
    this.#overlaps.push(box === undefined ? 0 : bestOverlap(box, own));
    if (top[0] !== label) this.#classWrong1 += 1;
    if (!top.includes(label)) this.#classWrong5 += 1;
  }

  /** Returns the errors of the images so far. @throws VggError `VGG_DATASET` if there is no image. */
  result(): BoxEvaluation {
    const guesses = this.#guesses;
    const truths = this.#truths;
    const overlaps = this.#overlaps;
    const count = truths.length;
    if (count === 0) throw new VggError('dataset', 'expected at least one image with a box to evaluate on, got none');
    return {
      images: count,
      top5Error: localisationError(guesses, truths),
      top1Error: localisationError(guesses, truths, { top: 1 }),
      trueClassError: (100 * overlaps.filter((overlap) => overlap < 0.5).length) / count,
      classTop5Error: (100 * this.#classWrong5) / count,
      classTop1Error: (100 * this.#classWrong1) / count,
      meanOverlap: overlaps.reduce((sum, overlap) => sum + overlap, 0) / count,
      curve: overlapCurve(overlaps),
    };
  }
}

/**
 * Applies the nets to the windows of the protocol of every image, merges their boxes, and compares those of the five most probable
 * classes and of the true class with the true boxes.
 * @throws VggError as `predictBoxes`; `VGG_DATASET` if there is no image; the reason of `signal` when it is aborted.
 */
export async function evaluateBoxes(options: EvaluateBoxesOptions): Promise<BoxEvaluation> {
  const { images, signal, onProgress } = options;
  const errors = new BoxErrors(options);
  let count = 0;
  for await (const { load, ...truth } of images) {
    signal?.throwIfAborted();
    await errors.add(await load(), truth);
    count += 1;
    onProgress?.(count);
  }
  return errors.result();
}
