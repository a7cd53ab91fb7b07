/** Labelled sets of images. Images are read only on demand. */
import { VggError } from '@vgg/core';

/** Location of an image. Plain data, so that it can be sent to a worker. */
export type ImageLocation =
  /** An encoded image in a file of its own. */
  | { readonly kind: 'file'; readonly path: string }
  /** An encoded image in memory. */
  | { readonly kind: 'bytes'; readonly data: Uint8Array }
  /** An encoded image inside a larger file, such as a tar shard. */
  | { readonly kind: 'range'; readonly path: string; readonly offset: number; readonly length: number }
  /** Uncompressed 8-bit RGB inside a file, plane after plane, as in the CIFAR binaries. */
  | {
      readonly kind: 'planes';
      readonly path: string;
      readonly offset: number;
      readonly width: number;
      readonly height: number;
    }
  /** Uncompressed 8-bit interleaved RGB in memory. */
  | { readonly kind: 'pixels'; readonly data: Uint8Array; readonly width: number; readonly height: number };

/** A labelled set of images whose places may have to be asked for: an object store, a database. */
export interface AsyncImageSource {
  /** Name in messages: the path from which it was opened. */
  readonly name: string;
  /** Names of the classes. A label is an index into them. */
  readonly classes: readonly string[];
  /** Number of images. */
  readonly length: number;
  /** Returns the class of image `index`, from 0 to `classes.length - 1`. */
  label(index: number): number;
  /** Returns the name of image `index` in messages and predictions: its path within the source. */
  key(index: number): string;
  /**
   * Returns the place of image `index`, or its content. It is called when the image is needed, for a few batches at once. An
   * image that cannot be used is a rejection by a VggError `VGG_IMAGE`; any other error ends the epoch.
   */
  location(index: number): ImageLocation | PromiseLike<ImageLocation>;
}

/** A labelled set of images whose places are known, as `openSource` returns it. */
export interface ImageSource extends AsyncImageSource {
  location(index: number): ImageLocation;
}

/**
 * Returns the location of image `index`: at once if the source is local. Any other promise-like object becomes a promise, and an
 * error that the source throws a rejection.
 */
export function locationOf(source: AsyncImageSource, index: number): ImageLocation | Promise<ImageLocation> {
  try {
    const location = source.location(index);
    return 'then' in location ? Promise.resolve(location) : location;
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Checks that a value is a source of images.
 * @throws VggError `VGG_ARGUMENT` if not.
 */
export function checkSource(source: AsyncImageSource): void {
  const value: unknown = source;
  if (typeof value === 'object' && value !== null && typeof source.location === 'function') return;
  const got =
    typeof value === 'string' ? `the path "${value}"` : value === null ? 'null' : `a value of type ${typeof value}`;
  const part = value === undefined ? ': the data set has no such part' : '';
  throw new VggError(
    'argument',
    `expected a source of images, got ${value === undefined ? 'undefined' : got}${part}; open a folder first: const { train } = await openSource(path)`,
  );
}

/** Images in memory: 8-bit interleaved RGB, all of the same size, one after another. */
export interface RawArrays {
  /** `length * height * width * 3` bytes. */
  readonly images: Uint8Array;
  /** Class index of each image. */
  readonly labels: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly classes: readonly string[];
  /** Name of the source in messages. Default `raw arrays`. */
  readonly name?: string | undefined;
}

/**
 * Creates a source of images in memory.
 * @throws VggError `VGG_DATASET` if there are no images or classes, the number of bytes does not match the number of labels, or
 *   a label is not a class index.
 */
export function rawSource({ images, labels, width, height, classes, name = 'raw arrays' }: RawArrays): ImageSource {
  const bytes = width * height * 3;
  const { length } = labels;
  if (length === 0 || classes.length === 0) {
    throw new VggError(
      'dataset',
      `${name} needs images and classes, got ${length} labels and ${classes.length} classes`,
    );
  }
  if (images.length !== bytes * length) {
    throw new VggError(
      'dataset',
      `${name} needs ${length} RGB images of ${width}x${height}, that is ${bytes * length} bytes, got ${images.length}`,
    );
  }
  for (let i = 0; i < length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes.length) {
      throw new VggError('dataset', `${name}: label ${i} must be from 0 to ${classes.length - 1}, got ${label}`);
    }
  }
  return {
    name,
    classes,
    length,
    label: (index) => labels[index]!,
    key: (index) => String(index),
    location: (index) => ({
      kind: 'pixels',
      data: images.subarray(index * bytes, (index + 1) * bytes),
      width,
      height,
    }),
  };
}
