/** Loading of images in order, a few in advance. Images that cannot be used are skipped; all other errors are thrown. */
import { ERROR_CODES, isVggError, VggError } from '@vgg/core';
import type { SkippedImage as IndexedSkippedImage, RawImage } from '@vgg/data';
import { checkArea, largestOf } from './limits';
import type { LoadedImage } from './score';

/** Image to evaluate; `load` brings it into memory. */
export interface EvaluationImage {
  /** Name of the image in predictions and messages. */
  readonly key: string;
  /** Index of its class; undefined for an image without a label, which is only predicted. */
  readonly label?: number | undefined;
  /**
   * Decodes the image.
   * @param minSide the largest Q in pixels: the decoder may shrink the image, but not its smallest side below this.
   * @throws VggError `VGG_IMAGE` when the image cannot be used: it is then skipped.
   */
  load(minSide: number): Promise<RawImage>;
}

/** Image that cannot be used, with the reason in one line. */
export type SkippedImage = Pick<IndexedSkippedImage, 'key' | 'reason'>;

/** Image ready to be scored, or the reason why it is skipped. */
export type Loaded = (LoadedImage & { readonly label: number | null }) | SkippedImage;

export interface LoadOptions {
  readonly scales: readonly number[];
  readonly classes: number;
  readonly maxImagePixels: number;
  readonly strict: boolean;
  /** Largest number of images being decoded or waiting, at least 1. */
  readonly ahead: number;
  readonly signal: AbortSignal | undefined;
}

function checkLabel({ key, label }: EvaluationImage, classes: number): void {
  if (label === undefined || (Number.isInteger(label) && label >= 0 && label < classes)) return;
  throw new VggError(
    'dataset',
    `${key} has the label ${label}, the net has ${classes} classes: evaluate on the classes that it was trained on`,
  );
}

async function load(entry: EvaluationImage, options: LoadOptions): Promise<Loaded> {
  const { key, label } = entry;
  checkLabel(entry, options.classes);
  try {
    const image = await entry.load(largestOf(options.scales));
    checkArea(key, image, options.scales, options.maxImagePixels);
    return { key, image, label: label ?? null };
  } catch (error) {
    if (options.strict || !isVggError(error) || error.code !== ERROR_CODES.image) throw error;
    return { key, reason: error.message };
  }
}

/** Loads the images, at most `ahead` at once, and yields them in their order. */
export async function* loadInOrder(
  images: Iterable<EvaluationImage> | AsyncIterable<EvaluationImage>,
  options: LoadOptions,
): AsyncGenerator<Loaded> {
  const waiting: Promise<Loaded>[] = [];
  for await (const entry of images) {
    options.signal?.throwIfAborted();
    const loading = load(entry, options);
    loading.catch(() => {}); // The error is thrown when its turn comes; without this, Node reports it as unhandled.
    waiting.push(loading);
    if (waiting.length >= options.ahead) yield waiting.shift()!;
  }
  while (waiting.length > 0) yield waiting.shift()!;
}
