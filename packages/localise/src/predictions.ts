/** Dense application of localisation nets to a whole image (appendix A.1): a box at every position, rated by the class scores there. */
import { type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { VggError, yieldToEventLoop } from '@vgg/core';
import { type FloatImage, flip, type ImageTransform, type RawImage, type Size } from '@vgg/data';
import { type Classifier, type ClassifyingNet, wholeInput } from '@vgg/eval';
import { boxInImage, flipBox } from './box';
import { regressionOf } from './localiser';
import type { ScoredBox } from './merge';
import { decodeBox, outputOf, type Regression } from './regression';

/** Localisation net with the preprocessing of its images, as `loadNet` of `@vgg/weights` returns it. */
export type LocalisationNet = Pick<ClassifyingNet, 'model' | 'transform'>;

/** Nets and scales with which objects are found. */
export interface LocalisationPlan {
  /** Classification net, whose scores select the classes and rate the boxes. */
  readonly classifier: ClassifyingNet;
  /** Localisation nets; the boxes of several are merged together. All have the input size and max-pools of the classifier. */
  readonly localisers: readonly LocalisationNet[];
  /** Every Q, the smallest side of the rescaled image in pixels. Default the scale of the classifier's transform. */
  readonly scales?: readonly number[] | undefined;
  /** True to apply the nets to the flipped image, too. Default false. */
  readonly flips?: boolean | undefined;
}

/** Outputs of a net at every position of the dense view. */
interface OutputMap {
  readonly rows: number;
  readonly columns: number;
  readonly outputs: number;
  /** [rows, columns, outputs]. */
  readonly data: Float32Array;
}

/** Predictions of one pass: one scale, flipped or not. */
interface Pass {
  readonly isFlipped: boolean;
  readonly rescaled: Size;
  /** Posterior of each class at each position, [rows · columns, classes]. */
  readonly posteriors: Float32Array;
  readonly boxes: readonly (OutputMap & { readonly regression: Regression })[];
}

function poolings({ options: { configuration } }: Pick<Classifier, 'options'>): number {
  if (!Array.isArray(configuration)) return 5;
  return configuration.filter((entry) => entry === 'pool' || entry === 'M').length;
}

function windowOf({ options: { inputSize } }: Pick<Classifier, 'options'>): Size {
  const [height, width] = typeof inputSize === 'number' ? [inputSize, inputSize] : inputSize;
  return { width, height };
}

/** Throws unless all nets have their windows at the same places. */
function checkPlan({ classifier, localisers, scales = [] }: LocalisationPlan): void {
  if (localisers.length === 0) throw new VggError('argument', 'expected at least one localisation net, got none');
  const own = windowOf(classifier.model);
  for (const { model } of localisers) {
    const { width, height } = windowOf(model);
    if (width === own.width && height === own.height && poolings(model) === poolings(classifier.model)) continue;
    throw new VggError(
      'argument',
      `expected localisation nets with the input of the classifier, ${own.width}x${own.height}, and as many max-pools, got ` +
        `${width}x${height}: make them by createLocaliser(classifier)`,
    );
  }
  const least = Math.min(own.width, own.height);
  const small = scales.find((scale) => !Number.isInteger(scale) || scale < least);
  if (small === undefined) return;
  throw new VggError('argument', `expected integer scales of at least the input of the nets, ${least}, got ${small}`);
}

async function denseOutputs(net: LocalisationNet, image: RawImage, scale: number): Promise<OutputMap & { size: Size }> {
  const input: Tensor4D = wholeInput(net, image, scale);
  const [, height, width] = input.shape;
  const scores = tidy(() => net.model.dense(input).scores);
  input.dispose();
  try {
    const [, rows, columns, outputs] = scores.shape;
    const data = (await scores.data()) as Float32Array;
    if (!data.every(Number.isFinite)) {
      throw new VggError('nonFinite', 'a net gives outputs that are not finite: its weights are damaged');
    }
    return { rows, columns, outputs, data, size: { width, height } };
  } finally {
    scores.dispose();
  }
}

/** Replaces the class scores of each position by their soft-max, and returns that of the mean scores (section 3.2). */
function posteriorsOf({ data, outputs }: OutputMap): { posteriors: Float32Array; whole: Float64Array } {
  const positions = data.length / outputs;
  const posteriors = new Float32Array(data.length);
  const mean = new Float64Array(outputs);
  for (let p = 0; p < positions; p++) {
    const scores = data.subarray(p * outputs, (p + 1) * outputs);
    posteriors.set(softmax(scores), p * outputs);
    scores.forEach((score, c) => {
      mean[c]! += score / positions;
    });
  }
  return { posteriors, whole: softmax(mean) };
}

function softmax(scores: ArrayLike<number>): Float64Array {
  const own = Float64Array.from(scores);
  const most = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = own.map((score) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** Returns an image mirrored left to right. */
function flipped({ data, width, height }: RawImage): RawImage {
  const mirrored: FloatImage = flip({ data: Float32Array.from(data), width, height });
  return { data: Uint8Array.from(mirrored.data), width, height };
}

/** Predictions of an image at all positions, scales and nets, before they are merged. */
export class BoxPredictions {
  /** Posterior of each class for the whole image, averaged over scales and flips. */
  readonly probabilities: Float64Array;
  readonly #image: Size;
  readonly #window: Size;
  readonly #stride: number;
  readonly #passes: readonly Pass[];

  constructor(image: Size, { model }: ClassifyingNet, passes: readonly Pass[], probabilities: Float64Array) {
    this.#image = { width: image.width, height: image.height };
    this.#window = windowOf(model);
    this.#stride = 2 ** poolings(model);
    this.#passes = passes;
    this.probabilities = probabilities;
  }

  /** Returns the boxes of a class, in pixels of the image, with the posterior of the class at their positions. */
  boxesOf(label: number): ScoredBox[] {
    return this.#passes.flatMap((pass) => pass.boxes.flatMap((map) => this.#boxesOfMap(pass, map, label)));
  }

  #boxesOfMap({ isFlipped, rescaled, posteriors }: Pass, map: Pass['boxes'][number], label: number): ScoredBox[] {
    const { columns, outputs, data, regression } = map;
    const classes = this.probabilities.length;
    return Array.from({ length: data.length / outputs }, (_, position) => {
      const left = (position % columns) * this.#stride;
      const top = Math.floor(position / columns) * this.#stride;
      const window = { left, top, ...this.#window };
      const numbers = decodeBox(data, position * outputs + outputOf(regression, label), window);
      const box = boxInImage(numbers, this.#image, { rescaled, window, flip: false });
      return {
        box: isFlipped ? flipBox(box, this.#image) : box,
        score: posteriors[position * classes + label]!,
      };
    });
  }
}

/**
 * Applies the nets densely to a whole image.
 * @throws VggError `VGG_ARGUMENT` for nets that do not fit each other or scales below their input, `VGG_NON_FINITE` for outputs
 *   that are not finite.
 */
export async function predictBoxes(image: RawImage, plan: LocalisationPlan): Promise<BoxPredictions> {
  checkPlan(plan);
  const { classifier, localisers, flips = false } = plan;
  const { scales = [(classifier.transform as ImageTransform).scale] } = plan;
  const { classes } = classifier.model.options;
  const probabilities = new Float64Array(classes);
  const passes: Pass[] = [];
  const views = flips ? [false, true] : [false];
  for (const scale of scales) {
    for (const isFlipped of views) {
      const view = isFlipped ? flipped(image) : image;
      const scores = await denseOutputs(classifier, view, scale);
      const { posteriors, whole } = posteriorsOf(scores);
      whole.forEach((value, c) => {
        probabilities[c]! += value / (scales.length * views.length);
      });
      const boxes = [];
      for (const net of localisers) {
        boxes.push({ ...(await denseOutputs(net, view, scale)), regression: regressionOf(net.model, classes) });
      }
      passes.push({ isFlipped, rescaled: scores.size, posteriors, boxes });
      await yieldToEventLoop();
    }
  }
  return new BoxPredictions(image, classifier, passes, probabilities);
}
