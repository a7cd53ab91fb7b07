/** Loading of images in order, a few in advance. Images that cannot be used are skipped; all other errors are thrown. */
import { ERROR_CODES, isVggError, VggError } from '@vgg/core';
import type { SkippedImage as IndexedSkippedImage, RawImage } from '@vgg/data';
import { checkArea } from './limits';
import type { LoadedImage } from './score';

/** Image to evaluate; `load` brings it into memory. */
export interface EvaluationImage {
  /** Name of the image in predictions and messages. */
  readonly key: string;
  /** Index of its class; undefined for an image without a label, which is only predicted. */
  readonly label?: number | undefined;
  /**
   * Decodes the image for one Q. It is called for each Q for which the image may be shrunk, so that no Q depends on the others.
   * @param minSide Q in pixels: the decoder may shrink the image, so that its smallest side is a multiple of this.
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

/** Returns true if a decoder may have shrunk an image: to a multiple of `scale`, such as the twice of it of `@vgg/data`. */
function mayBeShrunk({ width, height }: RawImage, scale: number): boolean {
  return Math.min(width, height) % scale === 0;
}

/** Decodes an image as each Q alone would have it; an image that is not shrunk for one Q is the same for all larger Q. */
async function loadForScales(entry: EvaluationImage, scales: readonly number[]): Promise<Map<number, RawImage>> {
  const images = new Map<number, RawImage>();
  let image: RawImage | undefined;
  let before = 0;
  for (const scale of [...new Set(scales)].sort((a, b) => a - b)) {
    if (image === undefined || mayBeShrunk(image, before)) image = await entry.load(scale);
    before = scale;
    images.set(scale, image);
  }
  return images;
}

async function load(entry: EvaluationImage, options: LoadOptions): Promise<Loaded> {
  const { key, label } = entry;
  checkLabel(entry, options.classes);
  try {
    const images = await loadForScales(entry, options.scales);
    checkArea(key, images.get(options.scales[0]!)!, options.scales, options.maxImagePixels);
    return { key, at: (scale) => images.get(scale)!, label: label ?? null };
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
