/** A labelled set of images, of which nothing is read until it is asked for. */
import { VggError } from '@vgg/core';

/** Where an image is: plain data, so that it can be sent to a worker. */
export type ImageLocation =
  /** An encoded image in a file of its own. */
  | { readonly kind: 'file'; readonly path: string }
  /** An encoded image inside a larger file: a tar shard. */
  | { readonly kind: 'range'; readonly path: string; readonly offset: number; readonly length: number }
  /** Uncompressed 8-bit RGB inside a file, plane after plane: the CIFAR binaries. */
  | {
      readonly kind: 'planes';
      readonly path: string;
      readonly offset: number;
      readonly width: number;
      readonly height: number;
    }
  /** Uncompressed 8-bit interleaved RGB in memory. */
  | { readonly kind: 'pixels'; readonly data: Uint8Array; readonly width: number; readonly height: number };

/** A labelled set of images. */
export interface ImageSource {
  /** What messages call it: the path it was opened from. */
  readonly name: string;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  /** Number of images. */
  readonly length: number;
  /** The class of image `index`, from 0 to `classes.length - 1`. */
  label(index: number): number;
  /** What names image `index` in messages and predictions: its path within the source. */
  key(index: number): string;
  location(index: number): ImageLocation;
}

/** Images `indices` of a source, in that order, as a source of their own with the same classes. */
export function subset(source: ImageSource, indices: ArrayLike<number>): ImageSource {
  const at = (index: number) => {
    const original = indices[index];
    if (original === undefined)
      throw new VggError('argument', `${source.name} has no image ${index} of ${indices.length}`);
    return original;
  };
  return {
    name: source.name,
    classes: source.classes,
    length: indices.length,
    label: (index) => source.label(at(index)),
    key: (index) => source.key(at(index)),
    location: (index) => source.location(at(index)),
  };
}

/** Images in memory as a source: 8-bit interleaved RGB, all of one size, one after another. */
export interface RawArrays {
  /** `length * height * width * 3` bytes. */
  readonly images: Uint8Array;
  /** One class index for each image. */
  readonly labels: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly classes: readonly string[];
  /** What messages call the source; `raw arrays` unless given. */
  readonly name?: string;
}

/**
 * Raw arrays as a source.
 * @throws VggError `VGG_DATASET` when there are no images or classes, when the bytes do not divide into as many images as
 *   there are labels, or when a label is not a class index.
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
