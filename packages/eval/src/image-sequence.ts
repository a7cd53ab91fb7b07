/** One image or several as an argument, and the preparation of several ahead of their use. */
import { VggError } from '@vgg/core';
import type { FloatImage } from '@vgg/data';

/** Several images: an array, or what yields them one by one. */
export type ImageSequence<Image> = readonly Image[] | Iterable<Image> | AsyncIterable<Image>;

/** Value that is neither a web stream nor a stream of Node. */
export interface NotStream {
  readonly getReader?: never;
  readonly pipe?: never;
}

/**
 * Checks that an image or several are not a stream. It could be the bytes of one image, or yield several.
 * @throws VggError `VGG_ARGUMENT` for a web stream or a stream of Node.
 */
export function checkNotStream(images: unknown): void {
  if (typeof images !== 'object' || images === null || !('getReader' in images || 'pipe' in images)) return;
  throw new VggError(
    'argument',
    'expected an image or several, got a stream: use classify(net, await loadImage(stream)), or an async generator of images',
  );
}

/** Returns true for several images. Bytes and pixels are one. */
export function isSequence<Image>(images: Image | ImageSequence<Image>): images is ImageSequence<Image> {
  if (typeof images !== 'object' || images === null || ArrayBuffer.isView(images)) return false;
  return Symbol.iterator in images || Symbol.asyncIterator in images;
}

/** Prepares images, at most `ahead` at once, and yields them in their order. */
export async function* prepared<Image>(
  images: ImageSequence<Image>,
  prepare: (image: Image) => Promise<FloatImage>,
  ahead: number,
): AsyncGenerator<FloatImage> {
  const waiting: Promise<FloatImage>[] = [];
  for await (const image of images) {
    const preparing = prepare(image);
    preparing.catch(() => {}); // The error is thrown when its turn comes; without this, Node reports it as unhandled.
    waiting.push(preparing);
    if (waiting.length >= ahead) yield waiting.shift()!;
  }
  while (waiting.length > 0) yield waiting.shift()!;
}
