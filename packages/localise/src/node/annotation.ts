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
function checkedBox(box: Box, { width, height }: Size, place: string): Box {
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

/**
 * Returns a checked box of an annotation in pixels of its image, which may be larger or smaller than the annotation says.
 * @param size size of the image.
 * @throws VggError `VGG_DATASET` as {@link checkedBox}; for an image with other proportions than the annotation says.
 */
export function boxInPixels(box: Box, { size: stated, place, image }: Annotation, size: Size): Box {
  if (stated === undefined) return checkedBox(box, size, place);
  // Sides are rounded, so a side may differ by a pixel.
  const difference = Math.abs(stated.width * size.height - stated.height * size.width);
  const isScaled = stated.width > 0 && stated.height > 0;
  if (!isScaled || difference > Math.max(stated.width, stated.height, size.width, size.height)) {
    throw annotationError(
      place,
      `expected ${image} to have the proportions of ${stated.width}x${stated.height} pixels, got ${size.width}x${size.height}: ` +
        'correct the size in the annotation, or turn the boxes with the image',
    );
  }
  const across = size.width / stated.width;
  const down = size.height / stated.height;
  const { left, top, width, height } = checkedBox(box, stated, place);
  return { left: left * across, top: top * down, width: width * across, height: height * down };
}
