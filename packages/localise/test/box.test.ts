/** Boxes: overlap worked by hand, and the steps that carry them from an image to a crop and back. */
import { describe, expect, it } from 'vitest';
import { boxInCrop, boxInImage, clipBox, decodeBox, encodeBox, flipBox, intersectionOverUnion } from '../src/index';

const box = (left: number, top: number, width: number, height: number) => ({ left, top, width, height });

describe('the intersection over union', () => {
  it('is worked by hand', () => {
    expect(intersectionOverUnion(box(0, 0, 2, 2), box(0, 0, 2, 2))).toBe(1);
    // 1 of 4 + 4 - 1 unit squares.
    expect(intersectionOverUnion(box(0, 0, 2, 2), box(1, 1, 2, 2))).toBeCloseTo(1 / 7, 12);
    // One inside the other: 2 of 12.
    expect(intersectionOverUnion(box(0, 0, 4, 3), box(1, 1, 2, 1))).toBeCloseTo(1 / 6, 12);
    // Fractions of pixels: 0.5 · 1 of 1 + 1 - 0.5.
    expect(intersectionOverUnion(box(0.25, 0, 1, 1), box(0.75, 0, 1, 1))).toBeCloseTo(1 / 3, 12);
  });

  it('is 0 for boxes that only touch, have no area or are not finite', () => {
    expect(intersectionOverUnion(box(0, 0, 2, 2), box(2, 0, 2, 2))).toBe(0);
    expect(intersectionOverUnion(box(0, 0, 2, 2), box(0, 0, -2, 2))).toBe(0);
    expect(intersectionOverUnion(box(0, 0, 0, 2), box(0, 0, 0, 2))).toBe(0);
    expect(intersectionOverUnion(box(0, 0, Number.NaN, 2), box(0, 0, 2, 2))).toBe(0);
    expect(intersectionOverUnion(box(0, 0, Number.POSITIVE_INFINITY, 2), box(0, 0, 2, 2))).toBe(0);
  });
});

describe('a box in a crop', () => {
  // An image of 200x100 is rescaled to 100x50; the crop of 40x40 starts at (30, 5).
  const size = { width: 200, height: 100 };
  const geometry = { rescaled: { width: 100, height: 50 }, window: box(30, 5, 40, 40), flip: false };

  it('is carried through rescaling and crop', () => {
    expect(boxInCrop(box(80, 20, 40, 60), size, geometry)).toEqual(box(10, 5, 20, 30));
  });

  it('is mirrored with the crop', () => {
    // From 8 to 28 of 40 becomes 12 to 32.
    expect(boxInCrop(box(76, 20, 40, 60), size, { ...geometry, flip: true })).toEqual(box(12, 5, 20, 30));
  });

  it('may reach beyond the crop', () => {
    expect(boxInCrop(box(40, 0, 60, 100), size, geometry)).toEqual(box(-10, -5, 30, 50));
  });

  it('returns to the image', () => {
    for (const flip of [false, true]) {
      const own = box(41, 7, 33, 21);
      const back = boxInImage(boxInCrop(own, size, { ...geometry, flip }), size, { ...geometry, flip });
      expect(Object.values(back)).toBeAllclose(Object.values(own), { rtol: 1e-12, atol: 1e-12 });
    }
  });

  it('has numbers that give the box again', () => {
    const crop = { width: 40, height: 20 };
    expect(encodeBox(box(10, 5, 20, 10), crop)).toEqual([0, 0, 0.5, 0.5]);
    expect(decodeBox([9, 0.25, -0.25, 0.5, 0.25], 1, crop)).toEqual(box(20, 2.5, 20, 5));
  });
});

it('a box is clipped to its image and mirrored in it', () => {
  expect(clipBox(box(-5, 90, 20, 20), { width: 100, height: 100 })).toEqual(box(0, 90, 15, 10));
  expect(clipBox(box(120, 0, 20, 20), { width: 100, height: 100 })).toMatchObject({ width: 0 });
  expect(flipBox(box(10, 3, 20, 5), { width: 100 })).toEqual(box(70, 3, 20, 5));
});
