import { describe, expect, it } from 'vitest';
import { centreWindow, crop, type RawImage, resample, rescale, rescaledSize, sourceWindow } from '../src';
import resampling from './fixtures/resampling.json';
import { bytes, floats, noiseImage } from './numbers';

const { width, height, state } = resampling.source;
const source = noiseImage(width, height, state);

describe('resample', () => {
  it.each(resampling.cases)(
    "equals PyTorch's antialiased bilinear filter at $width x $height, and Pillow's up to its rounding",
    (expected) => {
      const size = { width: expected.width, height: expected.height };
      const { data } = resample(source, size);
      expect(data).toBeAllclose(floats(expected.torch), { rtol: 1e-5, atol: 1e-3 });
      // Pillow rounds to 8 bits after each of its two passes, with weights of limited precision.
      expect(data).toBeAllclose(bytes(expected.pillow), { rtol: 0, atol: 1.1 });
    },
  );

  it('computes a window with exactly the values of the whole result', () => {
    for (const size of [
      { width: 9, height: 7 },
      { width: 33, height: 24 },
    ]) {
      const window = { left: 2, top: 1, width: 6, height: 5 };
      expect(resample(source, size, window)).toEqual(crop(resample(source, size), window));
    }
  });

  it('does not change an image at its own size', () => {
    expect(resample(source, source).data).toEqual(Float32Array.from(source.data));
  });

  it('keeps a constant image constant at any size', () => {
    const grey: RawImage = { data: new Uint8Array(40 * 30 * 3).fill(77), width: 40, height: 30 };
    for (const side of [1, 7, 30, 111])
      expect(rescale(grey, side).data.every((v) => Math.abs(v - 77) < 1e-4)).toBe(true);
  });

  it('reads no pixel outside the source window', () => {
    const size = { width: 12, height: 9 };
    const window = { left: 3, top: 2, width: 4, height: 5 };
    const read = sourceWindow(source, size, window);
    const data = source.data.map((value, i) => {
      const x = Math.floor(i / 3) % width;
      const y = Math.floor(i / 3 / width);
      const inside = x >= read.left && x < read.left + read.width && y >= read.top && y < read.top + read.height;
      return inside ? value : 255 - value;
    });
    expect(read.width * read.height).toBeLessThan(width * height);
    expect(resample({ ...source, data }, size, window)).toEqual(resample(source, size, window));
  });

  it('refuses windows that do not fit and data that is not RGB', () => {
    const window = { left: 5, top: 0, width: 6, height: 5 };
    expect(() => resample(source, { width: 10, height: 10 }, window)).toThrow(/6x5 at 5,0 does not fit in 10x10/);
    expect(() => resample({ ...source, data: source.data.subarray(1) }, source)).toThrow(/has 1173 values, got 1172/);
    expect(() => resample(source, { width: 0, height: 4 })).toThrow(expect.objectContaining({ code: 'VGG_ARGUMENT' }));
    expect(() => resample(source, { width: Number.NaN, height: 4 })).toThrow(/integer/);
  });
});

describe('sizes and windows', () => {
  it.each(resampling.rescaledSizes)(
    'rescale %i x %i to smallest side %i as torchvision does',
    (w, h, side, toWidth, toHeight) => {
      expect(rescaledSize({ width: w!, height: h! }, side!)).toEqual({ width: toWidth, height: toHeight });
    },
  );

  it.each(resampling.centreCrops)('cut the centre of %i x %i at %i as torchvision does', (w, h, side, left, top) => {
    expect(centreWindow({ width: w!, height: h! }, side!)).toEqual({ left, top, width: side, height: side });
  });

  it('refuse sides that are not positive integers', () => {
    for (const side of [0, -1, 1.5, Number.NaN]) expect(() => rescaledSize(source, side)).toThrow(/positive integer/);
  });
});
