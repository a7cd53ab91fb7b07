/** Maps that mark the places of an image that count for a class: the one result of class maps, Grad-CAM and occlusion. */
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { topClasses } from './metrics';
import { type Classifier, inputSides } from './protocol';

/** Methods of a map. */
export const MAP_METHODS = ['grad-cam', 'class-map', 'occlusion'] as const;

/**
 * Method of a map. `grad-cam`: the feature map, weighted by the gradient of the class score. `class-map`: the posterior of the dense
 * view. `occlusion`: the posterior that is lost when the place is covered.
 */
export type MapMethod = (typeof MAP_METHODS)[number];

/** Map of one class over an image. */
export interface ClassMap {
  readonly method: MapMethod;
  readonly width: number;
  readonly height: number;
  /**
   * `[height, width]`: the centre of point (x, y) lies at ((x + 0.5) / width, (y + 0.5) / height) of the image. This holds for
   * `occlusion` if the sides of the image are multiples of its stride.
   */
  readonly data: Float32Array;
  /** Index of the class. */
  readonly classIndex: number;
  /** Lowest and highest value of the map. */
  readonly low: number;
  readonly high: number;
}

/** Returns a map with its range. */
export function mapOf(parts: Omit<ClassMap, 'low' | 'high'>): ClassMap {
  const { data } = parts;
  const low = data.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return { ...parts, low, high };
}

/** @throws VggError `VGG_ARGUMENT` for a class that a net of `classes` classes does not have. */
export function checkClassIndex(classIndex: number, classes: number): void {
  if (Number.isInteger(classIndex) && classIndex >= 0 && classIndex < classes) return;
  throw new VggError('argument', `expected a class from 0 to ${classes - 1}, got ${classIndex}`);
}

/** @throws VggError `VGG_SHAPE` for images smaller than the net's input. */
export function checkSides(purpose: string, net: Classifier, images: Tensor4D): void {
  const input = inputSides(net);
  const [, height, width] = images.shape;
  if (height >= input.height && width >= input.width) return;
  throw new VggError(
    'shape',
    `${purpose} needs images of at least ${input.height} x ${input.width}, got ${height} x ${width}: enlarge them`,
  );
}

/** @throws VggError `VGG_NON_FINITE` unless all values are finite. */
export function checkFinite(values: ArrayLike<number>, net: string, key: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new VggError('nonFinite', `${net} gives class scores that are not finite for ${key}`);
  }
}

/** Returns the class of each of `count` images: the caller's, one or a list, or the most probable by scores [count, classes]. */
export function classesOf(
  count: number,
  classes: number,
  wanted: number | readonly number[] | undefined,
  scores: Float32Array,
): readonly number[] {
  const list = typeof wanted === 'number' ? Array<number>(count).fill(wanted) : wanted;
  if (list === undefined) {
    return Array.from({ length: count }, (_, i) => topClasses(scores.subarray(i * classes, (i + 1) * classes), 1)[0]!);
  }
  if (list.length !== count) {
    throw new VggError('argument', `expected one class, or one for each of ${count} images, got ${list.length}`);
  }
  for (const index of list) checkClassIndex(index, classes);
  return list;
}
