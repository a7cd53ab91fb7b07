import { describe, expect, it } from 'vitest';
import { concatenate, type ImageSource, rawSource, spread, subset } from '../src';

/** Returns a source of images of one pixel, whose values start at `first`. */
function sourceOf(labels: readonly number[], first = 0, classes: readonly string[] = ['a', 'b']): ImageSource {
  const images = Uint8Array.from({ length: labels.length * 3 }, (_, i) => first + i);
  return rawSource({ images, labels, width: 1, height: 1, classes, name: `images from ${first}` });
}

/** Returns the first value of each image. */
function valuesOf(source: ImageSource): number[] {
  return Array.from({ length: source.length }, (_, i) => {
    const location = source.location(i);
    return location.kind === 'pixels' ? location.data[0]! : Number.NaN;
  });
}

const labelsOf = (source: ImageSource) => Array.from({ length: source.length }, (_, i) => source.label(i));

describe('subset', () => {
  it('has the images at the indices, in their order', () => {
    const source = subset(sourceOf([0, 1, 0, 1]), [3, 0]);
    expect([valuesOf(source), labelsOf(source), source.key(0)]).toEqual([[9, 0], [1, 0], '3']);
    expect(() => source.label(2)).toThrow(/has no image 2 of 2/);
  });
});

describe('spread', () => {
  it('takes images at equal distances', () => {
    expect(valuesOf(spread(sourceOf([0, 0, 0, 0, 1, 1, 1, 1]), 4))).toEqual([0, 6, 12, 18]);
    expect(labelsOf(spread(sourceOf([0, 0, 0, 0, 1, 1, 1]), 3))).toEqual([0, 0, 1]);
  });

  it('returns the source itself if it has no more images', () => {
    const source = sourceOf([0, 1]);
    expect(spread(source, 2)).toBe(source);
    expect(spread(source, 9)).toBe(source);
  });
});

describe('concatenate', () => {
  it('has the images of the first source and then those of the second', () => {
    const source = concatenate(sourceOf([0, 1]), sourceOf([1], 100));
    expect([source.name, source.length, source.classes]).toEqual(['images from 0', 3, ['a', 'b']]);
    expect([valuesOf(source), labelsOf(source)]).toEqual([
      [0, 3, 100],
      [0, 1, 1],
    ]);
    expect([0, 1, 2].map((i) => source.key(i))).toEqual(['0', '1', '0']);
  });

  it('refuses sources with different classes', () => {
    expect(() => concatenate(sourceOf([0]), sourceOf([0], 9, ['a', 'c']))).toThrow(
      expect.objectContaining({
        code: 'VGG_ARGUMENT',
        message: 'expected the classes of images from 0, got other classes in images from 9',
      }),
    );
  });
});
