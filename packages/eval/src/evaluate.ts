/**
 * Evaluation of one or more nets on a set of images with any number of protocols and scales in one pass (section 3.2 and
 * the tables of section 4). All results share decoding, rescaling and forward passes.
 */
import { type Communicator, requireInteger, singleProcess, VggError } from '@vgg/core';
import { rescaledSize } from '@vgg/data';
import { Calibration } from './calibration';
import { blockLength, type Round, Rounds } from './divide';
import { BATCH_PIXELS, largestOf, MAX_IMAGE_PIXELS } from './limits';
import { type EvaluationImage, type Loaded, loadInOrder, type SkippedImage } from './load';
import type { Scored } from './message';
import { type ClassErrors, type ConfusedPair, type Errors, meanF1, Tally, topK } from './metrics';
import { guesses, type Prediction } from './predictions';
import { allScales, checkPlan, type EvaluatedNet, type Plan, type Protocol, scalesOf, viewKinds } from './protocol';
import { type Posteriors, scoreImages } from './score';

/** Event during an evaluation. In a job, every process gets those of all images, in their order. */
export type EvaluationEvent =
  /** Sent for each image and protocol, over all nets and scales. */
  | { readonly type: 'prediction'; readonly prediction: Prediction }
  | ({ readonly type: 'skipped' } & SkippedImage)
  /** Sent for each image after its predictions; its posteriors can be combined over any of the nets, protocols and scales. */
  | { readonly type: 'scored'; readonly key: string; readonly label: number | null; readonly posteriors: Posteriors }
  /**
   * Sent after each forward pass of one net. `views` is the number of crops, whole images and their flips that have been
   * passed, once for each net; `images` is the number of finished images.
   */
  | { readonly type: 'progress'; readonly images: number; readonly skipped: number; readonly views: number };

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Nets to evaluate; several are evaluated alone and fused. */
  readonly nets: readonly EvaluatedNet[];
  /** All images, the same on all processes of a job, of which each loads only its share. */
  readonly images: Iterable<EvaluationImage> | AsyncIterable<EvaluationImage>;
  /** Default a job of one process. */
  readonly communicator?: Communicator | undefined;
  /** Test protocols. Default `['dense']`. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** Every Q of the nets without `scales` of their own, in pixels; see {@link scalesFor}. */
  readonly scales: readonly number[];
  /** True if dense and multi-crop evaluation also average over the horizontal flip, as in the paper. Default true. */
  readonly flips?: boolean | undefined;
  /** True if an image that cannot be used is an error; false if it is skipped. Default false. */
  readonly strict?: boolean | undefined;
  /**
   * Largest number of pixels in one forward pass, which limits memory: two activations of 64 channels take 512 bytes per
   * pixel at full width. A single view may have more. Default 2^20: 20 crops of 224x224, or a 4:3 image and its flip at
   * Q = 512.
   */
  readonly batchPixels?: number | undefined;
  /** Largest number of pixels of an image rescaled to the largest Q. Default 2^23: 32:1 at Q = 512. */
  readonly maxImagePixels?: number | undefined;
  /** Largest number of images being decoded or waiting. Default 4. */
  readonly ahead?: number | undefined;
  /** Signal that aborts the evaluation between two forward passes. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the events; if it returns a promise, the evaluation waits for it. */
  readonly onEvent?: ((event: EvaluationEvent) => void | Promise<void>) | undefined;
}

/** One row of a table of results. Errors are in %. */
export interface EvaluationRow extends Errors {
  /** Names of one net, or of several fused nets. */
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  /** One Q, or several Q whose posteriors are averaged. In the fusion of nets with different Q: those of all nets. */
  readonly scales: readonly number[];
  /** Mean F1 over the classes that have images, from 0 to 1; null without labelled images. */
  readonly f1: number | null;
  /** Expected calibration error, from 0 to 1: mean difference of confidence and accuracy; null without labelled images. */
  readonly calibrationError: number | null;
  readonly perClass: readonly ClassErrors[];
  /**
   * Number of images of class `l` predicted as class `p`, at `l * classes + p`, in the row over all nets and all scales of
   * each protocol; null in the other rows, and for more than 4096 classes.
   */
  readonly confusion: Uint32Array | null;
  /** The non-zero counts of the confusion matrix, for any number of classes; null in the other rows. */
  readonly pairs: readonly ConfusedPair[] | null;
}

/** Result of {@link evaluate}. */
export interface Evaluation {
  /** Number of evaluated images, with or without a label. */
  readonly images: number;
  readonly skipped: readonly SkippedImage[];
  /** Number of classes. */
  readonly classes: number;
  /** Largest number of classes in a prediction: 5, or the number of classes if there are fewer. */
  readonly k: number;
  /** Rows for each net and, if there are several, their fusion; for each protocol; for each Q and all Q together. */
  readonly rows: readonly EvaluationRow[];
}

interface Row {
  readonly nets: readonly string[];
  readonly protocol: Protocol;
  readonly scales: readonly number[];
  /** Every Q of each net. */
  readonly byNet: ReadonlyMap<string, readonly number[]>;
  readonly tally: Tally;
  readonly calibration: Calibration;
  /** True if the row is over all nets and scales. */
  readonly whole: boolean;
}

/** Returns each value alone, then all together if there are several. */
function partsAndWhole<T>(values: readonly T[]): (readonly T[])[] {
  return values.length === 1 ? [values] : [...values.map((value) => [value]), values];
}

function makeRows(plan: Plan): Row[] {
  const { nets, protocols } = plan;
  const { classes } = nets[0]!.model.options;
  return partsAndWhole(nets).flatMap((rowNets) => {
    const scales = allScales(rowNets, plan);
    const isCommon = rowNets.every((net) => scalesOf(net, plan).length === scales.length);
    // Nets with different Q are fused over all Q of each only.
    const parts = isCommon ? partsAndWhole(scales) : [scales];
    return protocols.flatMap((protocol) =>
      parts.map((rowScales): Row => {
        const whole = rowNets.length === nets.length && rowScales.length === scales.length;
        const byNet = rowNets.map((net) => [net.name, isCommon ? rowScales : scalesOf(net, plan)] as const);
        return {
          nets: rowNets.map(({ name }) => name),
          protocol,
          scales: rowScales,
          byNet: new Map(byNet),
          whole,
          tally: new Tally(classes, { confusion: whole }),
          calibration: new Calibration(),
        };
      }),
    );
  });
}

type Usable = Exclude<Loaded, SkippedImage>;

/** Largest memory in bytes of the images scored together: enough to fill forward passes with views of one size. */
const WINDOW_BYTES = 2 ** 26;

/** Returns the memory of an image in bytes: as decoded, rescaled to the largest Q and flipped, with its posteriors. */
function bytesOf({ at }: Usable, { nets, protocols, scales }: Plan): number {
  const images = [...new Set(scales.map(at))];
  const side = largestOf(scales);
  const largest = rescaledSize(at(side), side);
  const posteriors = nets.length * scales.length * viewKinds(protocols).length * nets[0]!.model.options.classes;
  const decoded = images.reduce((sum, { width, height }) => sum + 3 * width * height, 0);
  return decoded + 2 * 12 * largest.width * largest.height + 8 * posteriors;
}

/** Images that are scored together. */
interface Window {
  readonly loaded: readonly Loaded[];
  /** True if the last of them is the last of a block. */
  readonly endsBlock: boolean;
}

/** Groups the images that are scored together, in order. A group has images of one block only. */
async function* inWindows(loaded: AsyncIterable<Loaded>, plan: Plan, block: number): AsyncGenerator<Window> {
  let window: Loaded[] = [];
  let bytes = 0;
  let inBlock = 0;
  for await (const entry of loaded) {
    window.push(entry);
    if ('at' in entry) bytes += bytesOf(entry, plan);
    inBlock += 1;
    const endsBlock = inBlock === block;
    if (bytes < WINDOW_BYTES && !endsBlock) continue;
    yield { loaded: window, endsBlock };
    window = [];
    bytes = 0;
    if (endsBlock) inBlock = 0;
  }
  if (window.length > 0) yield { loaded: window, endsBlock: false };
}

/**
 * Evaluates nets on images.
 *
 * An image that cannot be used (`load` throws `VGG_IMAGE`, or it is too large) is skipped and reported in `skipped`; with
 * `strict` it is an error. Memory is limited by `batchPixels`, `maxImagePixels` and `ahead`, not by the number of images.
 * The event loop can run between forward passes.
 *
 * In a job, each process loads and evaluates its share of the images, and all return the same result, to the bits of one process.
 * A failure of one is a failure of all.
 *
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be executed, `VGG_DATASET` when no image can be used or a label is
 *   not a class of the nets, `VGG_NON_FINITE` when a net returns NaN; the reason of `signal` when it is aborted.
 */
export async function evaluate({
  nets,
  images,
  communicator = singleProcess,
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
  const given: Plan = { nets, protocols, scales, flips };
  checkPlan(given);
  const rows = makeRows(given);
  const plan: Plan = {
    ...given,
    nets: nets.map((net) => ({ ...net, scales: scalesOf(net, given) })),
    scales: allScales(nets, given),
  };
  requireInteger('batchPixels', batchPixels, 1);
  requireInteger('maxImagePixels', maxImagePixels, 1);
  requireInteger('ahead', ahead, 1);
  const { classes } = nets[0]!.model.options;
  const skipped: SkippedImage[] = [];
  let imageCount = 0;
  let viewCount = 0;
  const progress = () => onEvent({ type: 'progress', images: imageCount, skipped: skipped.length, views: viewCount });
  const take = async (entries: readonly Scored[]) => {
    for (const entry of entries) {
      if ('reason' in entry) {
        skipped.push(entry);
        await onEvent({ type: 'skipped', ...entry });
        continue;
      }
      for (const prediction of count(rows, entry)) await onEvent({ type: 'prediction', prediction });
      await onEvent({ type: 'scored', ...entry });
      imageCount += 1;
    }
  };

  const block = blockLength(plan, batchPixels);
  const rounds = communicator.size === 1 ? undefined : new Rounds(communicator, classes, block);
  const takeRound = async (round: Round | undefined) => {
    if (round === undefined) return;
    viewCount += round.views;
    await take(round.entries);
    await progress();
  };
  const own = rounds === undefined ? images : rounds.own(images);
  const loading = loadInOrder(own, { scales: plan.scales, classes, maxImagePixels, strict, ahead, signal });
  try {
    for await (const { loaded, endsBlock } of inWindows(loading, plan, block)) {
      signal?.throwIfAborted();
      const unusable = loaded.filter((entry): entry is SkippedImage => 'reason' in entry);
      const usable = loaded.filter((entry): entry is Usable => 'at' in entry);
      if (rounds === undefined) await take(unusable);
      const results = await scoreImages(usable, plan, {
        batchPixels,
        signal,
        onBatch: (views) => {
          viewCount += views;
          rounds?.count(views);
          return progress();
        },
      });
      const scored = usable.map(({ key, label }, i) => ({ key, label, posteriors: results[i]! }));
      if (rounds === undefined) {
        await take(scored);
        await progress();
        continue;
      }
      rounds.add([...unusable, ...scored]);
      if (endsBlock) await takeRound(await rounds.exchange());
    }
    if (rounds !== undefined) for await (const round of rounds.rest()) await takeRound(round);
  } catch (error) {
    rounds?.fail(error);
    throw error;
  }
  if (imageCount === 0) throw nothingUsable(skipped);
  return {
    images: imageCount,
    skipped,
    classes,
    k: topK(classes),
    rows: rows.map(resultOf),
  };
}

function resultOf({ nets, protocol, scales, tally, calibration }: Row): EvaluationRow {
  const perClass = tally.perClass();
  const { images, top1Error, top5Error } = tally.overall();
  return {
    nets,
    protocol,
    scales,
    images,
    top1Error,
    top5Error,
    f1: meanF1(perClass),
    calibrationError: calibration.error(),
    perClass,
    confusion: tally.confusion,
    pairs: tally.pairs(),
  };
}

/** Counts one image in every row, and returns the predictions of the rows over all nets and scales. */
function count(rows: readonly Row[], { key, label, posteriors }: Exclude<Scored, SkippedImage>): Prediction[] {
  const predictions: Prediction[] = [];
  for (const { nets, protocol, scales, byNet, tally, calibration, whole } of rows) {
    const best = guesses(posteriors.combine(nets, protocol, byNet));
    if (label !== null) {
      tally.add(label, best.classes);
      calibration.add(best.probabilities[0]!, best.classes[0] === label);
    }
    if (whole) predictions.push({ key, label, nets, protocol, scales, ...best });
  }
  return predictions;
}

function nothingUsable(skipped: readonly SkippedImage[]): VggError {
  const [first] = skipped;
  return new VggError(
    'dataset',
    first === undefined
      ? 'evaluation needs at least one image, got none'
      : `none of the ${skipped.length} images can be used; the first: ${first.reason.startsWith(first.key) ? '' : `${first.key}: `}${first.reason}`,
  );
}
