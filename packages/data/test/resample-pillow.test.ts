import { describe, expect, it } from 'vitest';
import { resampleAsPillow } from '../src';
import { lookUp, resamplePillow } from '../src/node/resample-pillow';
import { planPillow } from '../src/pillow';
import { noiseImage } from './numbers';

const source = noiseImage(47, 38, 4);
const whole = { data: source.data, width: 47, left: 0, top: 0 };

/** Returns the pixels of `source` from (left, top) to its corner as a part of it. */
function partFrom(left: number, top: number) {
  const width = 47 - left;
  const rows = Array.from({ length: 38 - top }, (_, y) => {
    const at = ((y + top) * 47 + left) * 3;
    return [...source.data.subarray(at, at + width * 3)];
  });
  return { data: Uint8Array.from(rows.flat()), width, left, top };
}

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('resamplePillow', () => {
  describe.each(['bilinear', 'bicubic'] as const)('gives the same bits as resampleAsPillow, %s', (filter) => {
    it.each([
      [47, 38],
      [61, 50],
      [200, 171],
      [40, 31],
      [47, 20],
      [21, 38],
      [9, 8],
      [3, 2],
      [1, 1],
      [1, 90],
    ])('at %i x %i, for the whole image and for windows', (width, height) => {
      for (const [left, top, w, h] of [
        [0, 0, width, height],
        [width >> 1, height >> 1, (width + 1) >> 1, (height + 1) >> 1],
        [0, height - 1, width, 1],
        [width - 1, 0, 1, height],
      ] as const) {
        const window = { left, top, width: w, height: h };
        const plan = planPillow(source, { width, height }, window, filter);
        const { across, down } = plan.axes!;
        const expected = resampleAsPillow(source, { width, height }, window, filter).data;
        expect(isSame(resamplePillow(whole, across, down), expected)).toBe(true);
        const part = partFrom(plan.source.left, plan.source.top);
        expect(isSame(resamplePillow(part, across, down), expected)).toBe(true);
      }
    });

    it('for black, white and stripes, whose sums are the largest and the smallest', () => {
      const stripes = Uint8Array.from({ length: 31 * 29 * 3 }, (_, i) => ((Math.floor(i / 3) % 31) & 2 ? 255 : 0));
      for (const data of [stripes, new Uint8Array(31 * 29 * 3).fill(255), new Uint8Array(31 * 29 * 3)]) {
        const image = { data, width: 31, height: 29 };
        for (const size of [7, 30, 64]) {
          const rescaled = { width: size, height: size };
          const window = { left: 0, top: 0, ...rescaled };
          const { across, down } = planPillow(image, rescaled, window, filter).axes!;
          const result = resamplePillow({ data, width: 31, left: 0, top: 0 }, across, down);
          expect(isSame(result, resampleAsPillow(image, rescaled, window, filter).data)).toBe(true);
        }
      }
    });
  });
});

describe('lookUp', () => {
  const image = { data: Uint8Array.of(0, 1, 2, 255, 254, 3, 7, 7, 7, 9, 0, 255), width: 2, height: 2 };
  const table = Float32Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3) + [0.25, 0.5, 0.75][i % 3]!);

  it('returns the number of each value and channel', () => {
    const expected = [0.25, 1.5, 2.75, 255.25, 254.5, 3.75, 7.25, 7.5, 7.75, 9.25, 0.5, 255.75];
    expect([...lookUp(image, table, false, false)]).toEqual(expected);
  });

  it('is right while the memory grows, which moves the pixels that lie in it', () => {
    // Ever larger images: for each, the result of the resampling takes new memory, and its numbers again.
    for (const side of [100, 700, 1500, 2500]) {
      const rescaled = { width: side, height: side };
      const { across, down } = planPillow(source, rescaled, { left: 0, top: 0, ...rescaled }, 'bilinear').axes!;
      const pixels = resamplePillow(whole, across, down);
      const copy = pixels.slice();
      const numbers = lookUp({ ...rescaled, data: pixels }, table, false, false);
      expect(numbers).toHaveLength(side * side * 3);
      expect(numbers.every((number, i) => number === table[copy[i]! * 3 + (i % 3)])).toBe(true);
    }
  });

  it('mirrors the image', () => {
    const expected = [255.25, 254.5, 3.75, 0.25, 1.5, 2.75, 9.25, 0.5, 255.75, 7.25, 7.5, 7.75];
    expect([...lookUp(image, table, false, true)]).toEqual(expected);
  });

  it('exchanges the first and the last channel', () => {
    const expected = [2.25, 1.5, 0.75, 3.25, 254.5, 255.75, 7.25, 7.5, 7.75, 255.25, 0.5, 9.75];
    expect([...lookUp(image, table, true, false)]).toEqual(expected);
  });
});
