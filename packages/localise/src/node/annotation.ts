/** Annotations of images as the readers of all formats return them, and their checks. */
import { VggError } from '@vgg/core';
import type { Size } from '@vgg/data';
import { type Box, isBox } from '../box';

/** Object in an annotation. */
export interface AnnotatedObject {
  /** Name of the class. */
  readonly name: string;
  readonly box: Box;
}

/** Annotation of one image. */
export interface Annotation {
  /** Path of the image as the annotation names it. */
  readonly image: string;
  /** Size of the image, if the annotation has it. */
  readonly size: Size | undefined;
  readonly objects: readonly AnnotatedObject[];
  /** Place of the annotation in messages: `boxes.csv, line 7`. */
  readonly place: string;
}

/** Returns the error of a damaged annotation: one line that names its place. */
export function annotationError(place: string, reason: string): VggError {
  return new VggError('dataset', `${place}: ${reason}`);
}

/**
 * Returns a number of an annotation.
 * @throws VggError `VGG_DATASET` for text that is not a finite number.
 */
export function numberOf(value: unknown, name: string, place: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  const got = value === undefined ? 'none' : JSON.stringify(value)?.slice(0, 40);
  throw annotationError(place, `expected a number as ${name}, got ${got}`);
}

/** Pixels by which a box may reach beyond its image: annotations count pixels from 0 or from 1, and round. */
const TOLERANCE = 2;

/**
 * Throws unless a box has an area and lies in its image.
 * @returns the part of the box in the image.
 */
export function checkedBox(box: Box, { width, height }: Size, place: string): Box {
  const { left, top } = box;
  const right = left + box.width;
  const bottom = top + box.height;
  const text = `[${[left, top, right, bottom].join(', ')}]`;
  if (!isBox(box)) {
    throw annotationError(
      place,
      `expected a box with a width and a height above 0, got ${text} (left, top, right, bottom)`,
    );
  }
  const outside = left < -TOLERANCE || top < -TOLERANCE || right > width + TOLERANCE || bottom > height + TOLERANCE;
  if (outside) throw annotationError(place, `the box ${text} lies outside its image of ${width}x${height} pixels`);
  const from = { left: Math.max(left, 0), top: Math.max(top, 0) };
  const clipped = { ...from, width: Math.min(right, width) - from.left, height: Math.min(bottom, height) - from.top };
  if (isBox(clipped)) return clipped;
  throw annotationError(place, `the box ${text} lies outside its image of ${width}x${height} pixels`);
}
