/** Classification of images with a net that has its own preprocessing and class names. */
import { concat, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { requireInteger, VggError, yieldToEventLoop } from '@vgg/core';
import {
  type BrowserImage,
  checkImageTransform,
  cropText,
  type FloatImage,
  greyOf,
  type ImageTransform,
  loadImage,
  prepareImage,
  prepareWhole,
  type RawImage,
  type Rgb,
  sameTransform,
} from '@vgg/data';
import { checkNotStream, type ImageSequence, isSequence, type NotStream, prepared } from './image-sequence';
import { topClasses } from './metrics';
import { type Classifier, type EvaluatedNet, inputSides } from './protocol';
import { softmax } from './score';

/** Net with its class names and preprocessing, as `loadNet` of `@vgg/weights` returns it. */
export interface ClassifyingNet<Model extends Classifier = Classifier> {
  readonly model: Model;
  /** Class names in the order of the outputs. */
  readonly classes: readonly string[];
  /** Preprocessing of the net's images; undefined if it is not known. */
  readonly transform: ImageTransform | undefined;
}

/** Options of {@link netInput} and {@link wholeInput}. */
export interface InputOptions {
  /** Preprocessing of the image. One that differs from the net's own is refused unless `foreign` is true. */
  readonly transform?: ImageTransform | undefined;
  /** True if `transform` may differ from the net's own. Default false. */
  readonly foreign?: boolean | undefined;
}

/** Options of {@link classify}. */
export interface ClassifyOptions<Image = BrowserImage> extends InputOptions {
  /** Number of guesses to return for each image. Default 5. */
  readonly top?: number | undefined;
  /** Largest number of images in one forward pass. Default 8. */
  readonly batchSize?: number | undefined;
  /**
   * Prepares an image as `prepareImage` of `@vgg/data` does. Default: loads it as in a browser and prepares it in the calling
   * thread. `createPreparer` of `@vgg/data/node` prepares in worker threads.
   */
  readonly prepare?: ((image: Image, transform: ImageTransform) => FloatImage | Promise<FloatImage>) | undefined;
  /** Signal that aborts the classification between two forward passes. */
  readonly signal?: AbortSignal | undefined;
}

/** Class that the image may show. */
export interface Guess {
  readonly name: string;
  /** Index of the class among the outputs. */
  readonly index: number;
  readonly probability: number;
}

/** Formats a transform as one line for errors. */
function format({ resize, scale, interpolation, crop, channels, range, mean, std }: ImageTransform): string {
  return `${resize} ${scale}, ${interpolation}, crop ${cropText(crop)}, ${channels} 0..${range}, mean [${mean}], std [${std}]`;
}

/** Returns the transform to use: the net's own, or another if that is allowed. */
function selectTransform(
  { transform: own }: Pick<ClassifyingNet, 'transform'>,
  { transform: other, foreign = false }: InputOptions,
): ImageTransform {
  if (other !== undefined && own !== undefined && !foreign && !sameTransform(other, own)) {
    throw new VggError(
      'argument',
      `the net takes images by its own transform (${format(own)}), got another (${format(other)}): leave it out, or set foreign`,
    );
  }
  const transform = other ?? own;
  if (transform === undefined) {
    throw new VggError('argument', 'nothing says how the net takes its images: give a transform');
  }
  checkImageTransform(transform);
  return transform;
}

/** Returns the transform of inputs for the classifier, which has one input size. */
function classifierTransform(net: ClassifyingNet, options: InputOptions): ImageTransform {
  const transform = selectTransform(net, options);
  const [input, crop] = [net.model.options.inputSize, transform.crop].map(cropText);
  if (input === crop) return transform;
  throw new VggError('argument', `the net takes images of ${input}, the transform cuts ${crop}`);
}

const RGB_NET: Pick<Classifier, 'options'> = { options: { classes: 1, inputSize: 1 } };

/** Returns images as a tensor of the net's channels: prepared RGB, or grey. */
function asTensor(
  { options: { channels = 3 } }: Pick<Classifier, 'options'>,
  values: Float32Array,
  [count, height, width]: readonly [number, number, number],
): Tensor4D {
  if (channels === 3) return tensor4d(values, [count, height, width, 3]);
  if (channels === 1) return tensor4d(greyOf(values), [count, height, width, 1]);
  throw new VggError('argument', `expected a net of RGB or grey images, got one of ${channels} channels: use apply()`);
}

/**
 * Returns the net for `evaluate` and `predict`, with its own mean and standard deviation; their protocols rescale and crop.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform or its order of colours is not RGB.
 */
export function evaluatedNet<Model extends Classifier>(
  name: string,
  { model, transform }: ClassifyingNet<Model>,
): EvaluatedNet<Model> {
  if (transform === undefined) throw new VggError('argument', `nothing says how the net ${name} takes its images`);
  const { channels, range, mean, std } = transform;
  if (channels !== 'RGB')
    throw new VggError('argument', `evaluation takes nets of RGB, the net ${name} is of ${channels}`);
  const rescale = ([red, green, blue]: Rgb): Rgb => [(red * 255) / range, (green * 255) / range, (blue * 255) / range];
  return { name, model, mean: rescale(mean), std: rescale(std) };
}

/**
 * Prepares an image as the net's input, [1, height, width, channels], by the net's own transform.
 * @throws VggError `VGG_ARGUMENT` when the net has no transform or another one is passed, `VGG_SHAPE` for data that does not
 *   fit the image's sides.
 */
export function netInput(net: ClassifyingNet, image: RawImage, options: InputOptions = {}): Tensor4D {
  const { data, width, height } = prepareImage(image, classifierTransform(net, options));
  return asTensor(net.model, data, [1, height, width]);
}

/**
 * Prepares a whole image, [1, height, width, channels], for the net's dense view, its features or a loss: by the net's own transform,
 * but resized in proportion and not cropped.
 * @param smallestSide smallest side of the result in pixels. Default the transform's scale.
 * @throws VggError as {@link netInput}.
 */
export function wholeInput(
  net: Pick<ClassifyingNet, 'transform'> & { readonly model?: Pick<Classifier, 'options'> | undefined },
  image: RawImage,
  smallestSide?: number,
  options: InputOptions = {},
): Tensor4D {
  const { data, width, height } = prepareWhole(image, selectTransform(net, options), smallestSide);
  return asTensor(net.model ?? RGB_NET, data, [1, height, width]);
}

/** Loads an image as in a browser and prepares it, in the calling thread. */
async function prepareHere(image: BrowserImage, transform: ImageTransform): Promise<FloatImage> {
  const loaded = await loadImage(image);
  await yieldToEventLoop();
  return prepareImage(loaded, transform);
}

function checkClasses({ classes: names, model }: ClassifyingNet): void {
  const { classes } = model.options;
  if (names.length === classes) return;
  throw new VggError('argument', `the net has ${classes} classes, got names for ${names.length}`);
}

/** Returns the guesses for prepared images, by one forward pass. */
async function guess(net: ClassifyingNet, inputs: readonly FloatImage[], top: number): Promise<Guess[][]> {
  const { classes } = net.model.options;
  const { width, height } = inputSides(net.model);
  // One tensor for each image: an array for all would be garbage of several MB for each batch.
  const logits = tidy(() => {
    const images = inputs.map(({ data }) => asTensor(net.model, data, [1, height, width]));
    return net.model.apply(images.length === 1 ? images[0]! : concat(images, 0)).logits;
  });
  try {
    const scores = await logits.data();
    if (!scores.every(Number.isFinite)) {
      throw new VggError('nonFinite', 'the net gives class scores that are not finite: its weights are damaged');
    }
    return inputs.map((_, i) => {
      const posterior = softmax(scores.subarray(i * classes, (i + 1) * classes));
      const best = topClasses(posterior, Math.min(top, posterior.length));
      return best.map((index) => ({ name: net.classes[index]!, index, probability: posterior[index]! }));
    });
  } finally {
    logits.dispose();
  }
}

/**
 * Returns the most probable classes of an image, most probable first. The image is prepared as the net's training images. Several
 * images are classified in batches; the next images are prepared meanwhile, so that memory does not grow with their number.
 * A stream is refused, since its parts could be those of one image: pass what `loadImage` of `@vgg/data/node` makes of it.
 * @throws VggError as {@link netInput} and `loadImage`; `VGG_ARGUMENT` for a stream; `VGG_NON_FINITE` when the net returns NaN; the
 *   reason of `signal` when it is aborted.
 */
export async function classify<Image = BrowserImage>(
  net: ClassifyingNet,
  images: readonly Image[] | (AsyncIterable<Image> & NotStream),
  options?: ClassifyOptions<Image>,
): Promise<Guess[][]>;
export async function classify<Image = BrowserImage>(
  net: ClassifyingNet,
  image: Image & NotStream,
  options?: ClassifyOptions<Image>,
): Promise<Guess[]>;
export async function classify<Image>(
  net: ClassifyingNet,
  images: Image | ImageSequence<Image>,
  options: ClassifyOptions<Image> = {},
): Promise<Guess[] | Guess[][]> {
  const { top = 5, batchSize = 8, signal } = options;
  const { prepare = prepareHere as NonNullable<ClassifyOptions<Image>['prepare']> } = options;
  checkNotStream(images);
  requireInteger('top', top, 1);
  requireInteger('batchSize', batchSize, 1);
  checkClasses(net);
  const transform = classifierTransform(net, options);
  const several = isSequence(images);
  const results: Guess[][] = [];
  let batch: FloatImage[] = [];
  const run = async () => {
    signal?.throwIfAborted();
    for (const guesses of await guess(net, batch, top)) results.push(guesses);
    batch = [];
  };
  const sequence: ImageSequence<Image> = several ? images : [images];
  // In the calling thread, preparing many at once would only keep the event loop waiting.
  const ahead = options.prepare === undefined ? 2 : 2 * batchSize;
  for await (const input of prepared(sequence, async (image) => prepare(image, transform), ahead)) {
    batch.push(input);
    if (batch.length === batchSize) await run();
  }
  if (batch.length > 0) await run();
  return several ? results : results[0]!;
}
