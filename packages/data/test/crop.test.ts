import { describe, expect, it } from 'vitest';
import { centreCrop, crop, cropGrid, type FloatImage, flip, gridWindows, subtractMean } from '../src';

/** Returns an image whose values are their own indices. */
function numbered(width: number, height: number): FloatImage {
  return { data: Float32Array.from({ length: width * height * 3 }, (_, i) => i), width, height };
}

describe('crops', () => {
  it('are cut from the centre', () => {
    // 4x3 pixels, side 2: left (4 - 2) / 2 = 1, top round(0.5) = 0 (half to even); pixel (1, 0) starts at index 3, (1, 1) at 15.
    expect([...centreCrop(numbered(4, 3), 2).data]).toEqual([3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20]);
  });

  it('of a grid reach every border at equal distances', () => {
    // Width 384, side 224: corners k * 160 / 4; height 256: k * 32 / 4.
    const windows = gridWindows({ width: 384, height: 256 }, 224);
    expect(windows).toHaveLength(25);
    expect(windows.slice(0, 5).map(({ left, top }) => [left, top])).toEqual([0, 40, 80, 120, 160].map((x) => [x, 0]));
    expect(windows.map(({ top }) => top).filter((_, i) => i % 5 === 0)).toEqual([0, 8, 16, 24, 32]);
  });

  it('of a grid have the pixels of their windows', () => {
    const crops = cropGrid(numbered(5, 4), 2, 2);
    expect(crops.map(({ data }) => data[0])).toEqual([0, 9, 30, 39]);
    expect(cropGrid(numbered(6, 4), 4, 1)).toEqual([centreCrop(numbered(6, 4), 4)]);
  });

  it('are written to an array of their size', () => {
    const window = { left: 1, top: 0, width: 2, height: 2 };
    const into = new Float32Array(12);
    expect(crop(numbered(4, 3), window, into).data).toBe(into);
    expect(into).toEqual(crop(numbered(4, 3), window).data);
    const short = new Float32Array(11);
    expect(() => crop(numbered(4, 3), window, short)).toThrow(/a crop of 2x2 has 12 numbers, got an array of 11/);
  });

  it('larger than the image are refused with advice', () => {
    expect(() => centreCrop(numbered(300, 180), 224)).toThrow(
      /crop of 224 .* 300x180: rescale to a smallest side >= 224/,
    );
    expect(() => gridWindows({ width: 300, height: 300 }, 0)).toThrow(/positive integer side, got 0/);
    expect(() => gridWindows({ width: 300, height: 300 }, 224, 0)).toThrow(/positive number of steps/);
  });
});

describe('flip and mean', () => {
  it('mirrors left to right; doing it twice gives the original', () => {
    const image = numbered(3, 2);
    expect([...flip(image).data]).toEqual([6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11]);
    expect(flip(flip(image))).toEqual(image);
  });

  it('subtracts the mean of each channel', () => {
    expect([...subtractMean(numbered(2, 1), [1, 2, 3]).data]).toEqual([-1, -1, -1, 2, 2, 2]);
  });
});
