/** Images in order, loaded a few ahead of their use; those that cannot be used are told apart from failures. */
import { ERROR_CODES, isVggError, VggError } from '@vgg/core';
import type { RawImage } from '@vgg/data';
import { checkArea } from './limits';
import type { LoadedImage } from './score';

/** An image to evaluate, of which nothing is in memory before `load`. */
export interface EvaluationImage {
  /** What predictions and messages call it. */
  readonly key: string;
  /** Its class, from 0 on; none for prediction alone. */
  readonly label?: number | undefined;
  /**
   * Decodes it.
   * @param minSide the largest Q in pixels: a decoder may shrink as it loads, to a smallest side no less than this.
   * @throws VggError `VGG_IMAGE` when it cannot be used: it is then skipped.
   */
  load(minSide: number): Promise<RawImage>;
}

export interface SkippedImage {
  readonly key: string;
  readonly reason: string;
}

/** An image ready to be scored, or why it is not. */
export type Loaded = (LoadedImage & { readonly label: number | null }) | SkippedImage;

export interface LoadOptions {
  readonly scales: readonly number[];
  readonly classes: number;
  readonly maxImagePixels: number;
  readonly strict: boolean;
  /** How many images are decoded at the same time or waiting, at least 1. */
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
    const image = await entry.load(Math.max(...options.scales));
    checkArea(key, image, options.scales, options.maxImagePixels);
    return { key, image, label: label ?? null };
  } catch (error) {
    if (options.strict || !isVggError(error) || error.code !== ERROR_CODES.image) throw error;
    return { key, reason: error.message };
  }
}

/** Loads the images, at most `ahead` at once, and gives them in their order. */
export async function* loadInOrder(
  images: Iterable<EvaluationImage> | AsyncIterable<EvaluationImage>,
  options: LoadOptions,
): AsyncGenerator<Loaded> {
  const waiting: Promise<Loaded>[] = [];
  for await (const entry of images) {
    options.signal?.throwIfAborted();
    const loading = load(entry, options);
    loading.catch(() => {}); // Reported when its turn comes; until then it is no unhandled rejection.
    waiting.push(loading);
    if (waiting.length >= options.ahead) yield waiting.shift()!;
  }
  while (waiting.length > 0) yield waiting.shift()!;
}
