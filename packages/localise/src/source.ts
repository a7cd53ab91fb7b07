/** Labelled images with boxes. */
import { VggError } from '@vgg/core';
import { type ImageLocation, type ImageSource, type Size, splitByClass } from '@vgg/data';
import type { Box } from './box';

/** Objects of one class in an image. An image with objects of several classes has one of these for each class. */
export interface BoxImage {
  /** Name of the image in messages, unique in its source. */
  readonly key: string;
  readonly location: ImageLocation;
  /** Size of the image in pixels, after its EXIF orientation is applied. */
  readonly size: Size;
  /** Index of the class. */
  readonly label: number;
  /** All objects of the class, the largest first. Training takes the first; in testing any of them counts. */
  readonly boxes: readonly Box[];
}

/** A labelled set of images whose objects have boxes. Batches, statistics and splits work as with any source. */
export interface BoxSource extends ImageSource {
  /** Returns size, class and boxes of image `index`. */
  image(index: number): BoxImage;
}

/**
 * Returns images with boxes as a source.
 * @param name name of the source in messages.
 * @throws VggError `VGG_DATASET` for two images with the same key.
 */
export function boxSource(name: string, classes: readonly string[], images: readonly BoxImage[]): BoxSource {
  const keys = new Set<string>();
  for (const { key } of images) {
    if (keys.has(key)) throw new VggError('dataset', `${name}: expected each image once, got ${key} twice: remove one`);
    keys.add(key);
  }
  const area = ({ width, height }: Box) => width * height;
  const sorted = images.map((image) => ({ ...image, boxes: [...image.boxes].sort((a, b) => area(b) - area(a)) }));
  return {
    name,
    classes,
    length: images.length,
    label: (index) => sorted[index]!.label,
    key: (index) => sorted[index]!.key,
    location: (index) => sorted[index]!.location,
    image: (index) => sorted[index]!,
  };
}

/**
 * Selects a `fraction` of each class for validation, as `splitByClass` of `@vgg/data`.
 * @throws VggError as `splitByClass`.
 */
export function splitBoxes(source: BoxSource, fraction: number): { train: BoxSource; validation: BoxSource } {
  const byKey = new Map(Array.from({ length: source.length }, (_, i) => [source.key(i), source.image(i)]));
  const { train, validation } = splitByClass(source, fraction);
  const part = (images: ImageSource) =>
    boxSource(
      source.name,
      source.classes,
      Array.from({ length: images.length }, (_, i) => byKey.get(images.key(i))!),
    );
  return { train: part(train), validation: part(validation) };
}
