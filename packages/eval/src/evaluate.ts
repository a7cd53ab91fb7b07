/**
 * Evaluation of one net or several over a set of images under any number of protocols and scales in one pass (section 3.2
 * and the tables of section 4): decoding, rescaling and forward passes are shared by all results that need them.
 */
import { VggError } from '@vgg/core';
import { rescaledSize } from '@vgg/data';
import { BATCH_PIXELS, checkPositive, MAX_IMAGE_PIXELS } from './limits';
import { type EvaluationImage, type Loaded, loadInOrder, type SkippedImage } from './load';
import { type Errors, Tally, topK } from './metrics';
import { guesses, type Prediction } from './predictions';
import { checkPlan, type EvaluatedNet, looksOf, type Plan, type Protocol } from './protocol';
import { type Posteriors, scoreImages } from './score';

export type EvaluationEvent =
  /** One for each image and protocol, over all nets and scales. */
  | { readonly type: 'prediction'; readonly prediction: Prediction }
  | ({ readonly type: 'skipped' } & SkippedImage)
  /**
   * After each forward pass of one net. `views` counts the crops and whole images, mirrored ones too, that passed, once
   * for each net; `images` counts the images finished.
   */
  | { readonly type: 'progress'; readonly images: number; readonly skipped: number; readonly views: number };

export interface EvaluateOptions {
  /** Several are evaluated each alone and fused. */
  readonly nets: readonly EvaluatedNet[];
  readonly images: Iterable<EvaluationImage> | AsyncIterable<EvaluationImage>;
  /** Default `['dense']`. */
  readonly protocols?: readonly Protocol[];
  /** Every Q, in pixels; see {@link scalesFor}. */
  readonly scales: readonly number[];
  /** Average dense and multi-crop over the horizontal flip too, as the paper does. Default true. */
  readonly flips?: boolean;
  /** Make an image that cannot be used an error instead of skipping it. Default false. */
  readonly strict?: boolean;
  /**
   * The most pixels in one forward pass, which bounds memory: two activations of 64 channels take 512 bytes a pixel at
   * full width. A single view always fits. Default 2^20: 20 crops of 224x224, or a 4:3 photograph and its flip at Q = 512.
   */
  readonly batchPixels?: number;
  /** An image with more pixels than this after rescaling to the largest Q cannot be used. Default 2^21: 8:1 at Q = 512. */
  readonly maxImagePixels?: number;
  /** How many images are decoded at the same time, and wait. Default 4. */
  readonly ahead?: number;
  readonly signal?: AbortSignal | undefined;
  /** Waited for, if it gives a promise. */
  readonly onEvent?: (event: EvaluationEvent) => void | Promise<void>;
}

/** One line of a table of results. Errors are in %. */
export interface EvaluationRow extends Errors {
  /** One net, or several fused. */
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  /** One Q, or several averaged. */
  readonly scales: readonly number[];
  readonly perClass: readonly Errors[];
  /**
   * Images of class `l` taken for class `p`, at `l * classes + p`: for the rows over all nets and all scales, one a
   * protocol; null for the rows of their parts.
   */
  readonly confusion: Uint32Array | null;
}

export interface Evaluation {
  /** Images evaluated, labelled or not. */
  readonly images: number;
  readonly skipped: readonly SkippedImage[];
  readonly classes: number;
  /** How many guesses the top-5 error allows: 5, or the number of classes if that is less. */
  readonly k: number;
  /** For each net and, if several, their fusion; for each protocol; for each Q and, if several, their combination. */
  readonly rows: readonly EvaluationRow[];
}

interface Row {
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  readonly scales: readonly number[];
  readonly tally: Tally;
  /** Over all nets and scales. */
  readonly whole: boolean;
}

/** Each alone, then all together if there are several. */
function partsAndWhole<T>(values: readonly T[]): (readonly T[])[] {
  return values.length === 1 ? [values] : [...values.map((value) => [value]), values];
}

function makeRows({ nets, protocols, scales }: Plan): Row[] {
  const { classes } = nets[0]!.model.options;
  const names = nets.map(({ name }) => name);
  return partsAndWhole(names).flatMap((some) =>
    protocols.flatMap((protocol) =>
      partsAndWhole(scales).map((qs) => {
        const whole = some.length === names.length && qs.length === scales.length;
        return { nets: some, protocol, scales: qs, whole, tally: new Tally(classes, { confusion: whole }) };
      }),
    ),
  );
}

type Usable = Exclude<Loaded, SkippedImage>;

/** What images in memory together may take, in bytes: enough to fill forward passes with views of one size. */
const WINDOW_BYTES = 2 ** 26;
/** The most images scored together: tiny ones would otherwise give no result for long. */
const WINDOW_IMAGES = 256;

/** An image as decoded, rescaled to the largest Q and mirrored, and its posteriors. */
function bytesOf({ image }: Usable, { nets, protocols, scales }: Plan): number {
  const largest = rescaledSize(image, Math.max(...scales));
  const posteriors = nets.length * scales.length * looksOf(protocols).length * nets[0]!.model.options.classes;
  return 3 * image.width * image.height + 2 * 12 * largest.width * largest.height + 8 * posteriors;
}

/** Groups images that are scored together, in order. */
async function* inWindows(loaded: AsyncIterable<Loaded>, plan: Plan): AsyncGenerator<Loaded[]> {
  let [window, bytes]: [Loaded[], number] = [[], 0];
  for await (const entry of loaded) {
    window.push(entry);
    if ('image' in entry) bytes += bytesOf(entry, plan);
    if (bytes < WINDOW_BYTES && window.length < WINDOW_IMAGES) continue;
    yield window;
    [window, bytes] = [[], 0];
  }
  if (window.length > 0) yield window;
}

/**
 * Evaluates nets on images.
 *
 * An image that cannot be used (`load` throws `VGG_IMAGE`, or it is too large) is skipped, counted and named; with
 * `strict` it is an error. Memory is bounded by `batchPixels`, `maxImagePixels` and `ahead`, not by the number of images.
 * Between forward passes the event loop has its turn.
 *
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be carried out, `VGG_DATASET` when no image can be used or a
 *   label is not a class of the nets, `VGG_NON_FINITE` when a net gives NaN; what `signal` aborts with.
 */
export async function evaluate({
  nets,
  images,
  protocols = ['dense'],
  scales,
  flips = true,
  strict = false,
  batchPixels = BATCH_PIXELS,
  maxImagePixels = MAX_IMAGE_PIXELS,
  ahead = 4,
  signal,
  onEvent = () => {},
}: EvaluateOptions): Promise<Evaluation> {
  const plan: Plan = { nets, protocols, scales, flips };
  checkPlan(plan);
  checkPositive(batchPixels, 'batchPixels');
  checkPositive(maxImagePixels, 'maxImagePixels');
  checkPositive(ahead, 'ahead');
  const { classes } = nets[0]!.model.options;
  const rows = makeRows(plan);
  const skipped: SkippedImage[] = [];
  let [finished, views] = [0, 0];
  const progress = () => onEvent({ type: 'progress', images: finished, skipped: skipped.length, views });

  const loaded = loadInOrder(images, { scales, classes, maxImagePixels, strict, ahead, signal });
  for await (const window of inWindows(loaded, plan)) {
    signal?.throwIfAborted();
    for (const entry of window) {
      if ('image' in entry) continue;
      skipped.push(entry);
      await onEvent({ type: 'skipped', ...entry });
    }
    const usable = window.filter((entry): entry is Usable => 'image' in entry);
    const results = await scoreImages(usable, plan, {
      batchPixels,
      signal,
      onBatch: (count) => {
        views += count;
        return progress();
      },
    });
    for (const [i, entry] of usable.entries()) {
      for (const prediction of count(rows, entry, results[i]!)) await onEvent({ type: 'prediction', prediction });
    }
    finished += usable.length;
    await progress();
  }
  if (finished === 0) throw nothingUsable(skipped);
  return {
    images: finished,
    skipped,
    classes,
    k: topK(classes),
    rows: rows.map(({ nets: names, protocol, scales: qs, tally }) => ({
      nets: names,
      protocol,
      scales: qs,
      ...tally.overall(),
      perClass: tally.perClass(),
      confusion: tally.confusion,
    })),
  };
}

/** Counts one image in every row, and gives the predictions of the whole rows. */
function count(rows: readonly Row[], { key, label }: Usable, posteriors: Posteriors): Prediction[] {
  const predictions: Prediction[] = [];
  for (const { nets, protocol, scales, tally, whole } of rows) {
    const guessed = guesses(posteriors.combine(nets, protocol, scales));
    if (label !== null) tally.add(label, guessed.classes);
    if (whole) predictions.push({ key, label, nets, protocol, scales, ...guessed });
  }
  return predictions;
}

function nothingUsable(skipped: readonly SkippedImage[]): VggError {
  const [first] = skipped;
  return new VggError(
    'dataset',
    first === undefined
      ? 'evaluation needs at least one image, got none'
      : `none of the ${skipped.length} images can be used; the first, ${first.key}: ${first.reason}`,
  );
}
