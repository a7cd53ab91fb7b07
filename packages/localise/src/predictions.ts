/**
 * Application of localisation nets to a whole image (appendix A.1): a box for every window of the image, rated by the class scores
 * of the window.
 */
import { concat, reshape, slice, type Tensor2D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { VggError, yieldToEventLoop } from '@vgg/core';
import { centreWindow, flip, gridWindows, type RawImage, type Size, type Window } from '@vgg/data';
import {
  type Classifier,
  type ClassifyingNet,
  inputSides,
  type Protocol,
  softmax,
  strideOf,
  wholeInput,
} from '@vgg/eval';
import { boxInImage, flipBox } from './box';
import { regressionOf } from './localiser';
import type { ScoredBox } from './merge';
import { decodeBox, outputOf } from './regression';

/** Localisation net with the preprocessing of its images, as `loadNet` of `@vgg/weights` returns it. */
export type LocalisationNet = Pick<ClassifyingNet, 'model' | 'transform'>;

/** Nets, windows and scales with which objects are found. */
export interface LocalisationPlan {
  /** Classification net, whose scores select the classes and rate the boxes. */
  readonly classifier: ClassifyingNet;
  /** Localisation nets; the boxes of several are merged together. All have the input size and max-pools of the classifier. */
  readonly localisers: readonly LocalisationNet[];
  /**
   * Windows of the image. `single`: the centre crop. `dense`: all positions of the dense view, as in the paper. `multi-crop`: a 5x5
   * grid of crops. `both`: the windows of the last two. Default `dense`.
   *
   * The dense view pads a window with the image around it, training pads it with zeros. Nets of a small input learn to read the
   * zeros, so their boxes are worse in the dense view: use `multi-crop` for them.
   */
  readonly protocol?: Protocol | undefined;
  /** Every Q, the smallest side of the rescaled image in pixels. Default the scale of the classifier's transform. */
  readonly scales?: readonly number[] | undefined;
  /** True to apply the nets to the flipped image, too. Default false. */
  readonly flips?: boolean | undefined;
}

/** Outputs of all nets for some windows of an image at one scale, flipped or not. */
interface Pass {
  readonly isFlipped: boolean;
  readonly isDense: boolean;
  readonly rescaled: Size;
  readonly windows: readonly Window[];
  /** Class scores, [windows, classes]. */
  readonly scores: Float32Array;
  /** Boxes of each localisation net, [windows, outputs]. */
  readonly boxes: readonly Float32Array[];
}

/** Throws unless all nets have the same windows and the scales are large enough for them. */
function checkPlan({ classifier, localisers, scales = [] }: LocalisationPlan): void {
  if (localisers.length === 0) throw new VggError('argument', 'expected at least one localisation net, got none');
  const own = inputSides(classifier.model);
  for (const { model } of localisers) {
    const { width, height } = inputSides(model);
    if (width === own.width && height === own.height && strideOf(model) === strideOf(classifier.model)) continue;
    throw new VggError(
      'argument',
      `expected localisation nets with the input of the classifier, ${own.width}x${own.height}, and as many max-pools, got ` +
        `${width}x${height}: make them by createLocaliser(classifier)`,
    );
  }
  const least = Math.max(own.width, own.height);
  const small = scales.find((scale) => !Number.isInteger(scale) || scale < least);
  if (small === undefined) return;
  throw new VggError('argument', `expected integer scales of at least the input of the nets, ${least}, got ${small}`);
}

/** Returns the windows of a protocol's crops, or those of the positions of the dense view. */
function windowsOf(kind: Exclude<Protocol, 'both'>, image: Size, model: Classifier): Window[] {
  if (kind === 'single') return [centreWindow(image, model.options.inputSize)];
  if (kind === 'multi-crop') return gridWindows(image, model.options.inputSize);
  const input = inputSides(model);
  const stride = strideOf(model);
  const count = (side: number, window: number) => Math.floor(side / stride) - Math.floor(window / stride) + 1;
  const columns = count(image.width, input.width);
  return Array.from({ length: columns * count(image.height, input.height) }, (_, position) => ({
    left: (position % columns) * stride,
    top: Math.floor(position / columns) * stride,
    ...input,
  }));
}

/** Computes a net's outputs for windows of a prepared image, [windows, outputs]. */
async function outputsFor(
  model: Classifier,
  image: Tensor4D,
  { isDense, windows }: { isDense: boolean; windows: readonly Window[] },
): Promise<Float32Array> {
  const outputs = tidy((): Tensor2D => {
    if (isDense) return reshape(model.dense(image).scores, [windows.length, model.options.classes]);
    const crops = windows.map(
      ({ left, top, width, height }) => slice(image, [0, top, left, 0], [1, height, width, -1]) as Tensor4D,
    );
    return model.apply(concat(crops)).logits;
  });
  try {
    const data = (await outputs.data()) as Float32Array;
    if (data.every(Number.isFinite)) return data;
    throw new VggError('nonFinite', 'a net gives outputs that are not finite: its weights are damaged');
  } finally {
    outputs.dispose();
  }
}

/** Returns an image mirrored left to right. */
function flipped({ data, width, height }: RawImage): RawImage {
  return { data: Uint8Array.from(flip({ data: Float32Array.from(data), width, height }).data), width, height };
}

/** Predictions of an image for all windows, scales and nets, before they are merged. */
export class BoxPredictions {
  /** Posterior of each class for the whole image, averaged over scales, flips and the protocol's kinds of windows. */
  readonly probabilities: Float64Array;
  readonly #image: Size;
  readonly #passes: readonly Pass[];

  constructor(image: Size, classes: number, passes: readonly Pass[]) {
    this.#image = { width: image.width, height: image.height };
    this.#passes = passes;
    this.probabilities = new Float64Array(classes);
    for (const pass of passes) {
      const posterior = pass.isDense ? softmax(meanScores(pass, classes)) : meanPosterior(pass, classes);
      posterior.forEach((value, label) => {
        this.probabilities[label]! += value / passes.length;
      });
    }
  }

  /** Returns the boxes of a class, in pixels of the image, with the posterior of the class in their windows. */
  boxesOf(label: number): ScoredBox[] {
    const classes = this.probabilities.length;
    return this.#passes.flatMap(({ isFlipped, rescaled, windows, scores, boxes }) =>
      boxes.flatMap((data) => {
        const outputs = data.length / windows.length;
        const regression = regressionOf({ options: { classes: outputs } }, classes);
        return windows.map((window, i) => {
          const numbers = decodeBox(data, i * outputs + outputOf(regression, label), window);
          const box = boxInImage(numbers, this.#image, { rescaled, window, flip: false });
          const score = softmax(scores.subarray(i * classes, (i + 1) * classes))[label]!;
          return { box: isFlipped ? flipBox(box, this.#image) : box, score };
        });
      }),
    );
  }
}

/** Returns the mean of the class scores over the windows: the dense evaluation of section 3.2. */
function meanScores({ scores, windows }: Pass, classes: number): Float64Array {
  const mean = new Float64Array(classes);
  scores.forEach((score, i) => {
    mean[i % classes]! += score / windows.length;
  });
  return mean;
}

/** Returns the mean of the posteriors over the windows: the multi-crop evaluation of section 3.2. */
function meanPosterior({ scores, windows }: Pass, classes: number): Float64Array {
  const mean = new Float64Array(classes);
  for (let i = 0; i < windows.length; i++) {
    softmax(scores.subarray(i * classes, (i + 1) * classes)).forEach((value, label) => {
      mean[label]! += value / windows.length;
    });
  }
  return mean;
}

/**
 * Applies the nets to the windows of an image.
 * @throws VggError `VGG_ARGUMENT` for nets that do not fit each other or scales below their input, `VGG_NON_FINITE` for outputs
 *   that are not finite.
 */
export async function predictBoxes(image: RawImage, plan: LocalisationPlan): Promise<BoxPredictions> {
  checkPlan(plan);
  const { classifier, localisers, flips = false, protocol = 'dense' } = plan;
  const { scales = [classifier.transform!.scale] } = plan;
  const { classes } = classifier.model.options;
  for (const { model } of localisers) regressionOf(model, classes);
  const passes: Pass[] = [];
  const kinds = protocol === 'both' ? (['dense', 'multi-crop'] as const) : ([protocol] as const);
  for (const isFlipped of flips ? [false, true] : [false]) {
    const view = isFlipped ? flipped(image) : image;
    for (const scale of scales) {
      const inputs = [classifier, ...localisers].map((net) => wholeInput(net, view, scale));
      try {
        const [, height, width] = inputs[0]!.shape;
        for (const kind of kinds) {
          const windows = windowsOf(kind, { width, height }, classifier.model);
          const part = { isDense: kind === 'dense', windows };
          const scores = await outputsFor(classifier.model, inputs[0]!, part);
          const boxes: Float32Array[] = [];
          for (const [i, { model }] of localisers.entries()) {
            boxes.push(await outputsFor(model, inputs[i + 1]!, part));
          }
          passes.push({ ...part, isFlipped, rescaled: { width, height }, scores, boxes });
        }
      } finally {
        for (const input of inputs) input.dispose();
      }
      await yieldToEventLoop();
    }
  }
  return new BoxPredictions(image, classes, passes);
}
