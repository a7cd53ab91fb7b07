/** Sources made of the images of other sources. */
import { VggError } from '@vgg/core';
import type { AsyncImageSource, ImageSource } from './source';

/** Returns a source of the images `indices` of another source, in that order, with the same classes. */
export function subset(source: ImageSource, indices: ArrayLike<number>): ImageSource;
export function subset(source: AsyncImageSource, indices: ArrayLike<number>): AsyncImageSource;
export function subset(source: AsyncImageSource, indices: ArrayLike<number>): AsyncImageSource {
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

/** Returns a source of `count` images spread evenly over another source, so that every class keeps its share. */
export function spread(source: ImageSource, count: number): ImageSource;
export function spread(source: AsyncImageSource, count: number): AsyncImageSource;
export function spread(source: AsyncImageSource, count: number): AsyncImageSource {
  if (count >= source.length) return source;
  return subset(
    source,
    Array.from({ length: count }, (_, i) => Math.floor((i * source.length) / count)),
  );
}

/**
 * Returns a source of the images of `first`, followed by those of `second`.
 * @throws VggError `VGG_ARGUMENT` if the two sources have different classes.
 */
export function concatenate(first: ImageSource, second: ImageSource): ImageSource;
export function concatenate(first: AsyncImageSource, second: AsyncImageSource): AsyncImageSource;
export function concatenate(first: AsyncImageSource, second: AsyncImageSource): AsyncImageSource {
  if (first.classes.join('\n') !== second.classes.join('\n')) {
    throw new VggError('argument', `expected the classes of ${first.name}, got other classes in ${second.name}`);
  }
  const at =
    <T>(read: (source: AsyncImageSource, index: number) => T) =>
    (index: number) =>
      index < first.length ? read(first, index) : read(second, index - first.length);
  return {
    name: first.name,
    classes: first.classes,
    length: first.length + second.length,
    label: at((source, index) => source.label(index)),
    key: at((source, index) => source.key(index)),
    location: at((source, index) => source.location(index)),
  };
}
