import { describe, expect, it } from 'vitest';
import { axisOf, resampleBytes } from '../src/node/resample-bytes';
import { resampleInto, triangleAxis } from '../src/resample';
import { noiseImage } from './numbers';

describe('axisOf', () => {
  it('returns the same as triangleAxis, for more axes than the cache holds', () => {
    for (let pass = 0; pass < 2; pass++) {
      for (let start = 0; start < 600; start++) {
        expect(axisOf(32, 700, start, 3)).toEqual(triangleAxis(32, 700, start, 3));
      }
    }
    expect(axisOf(500, 256, 7, 224)).toEqual(triangleAxis(500, 256, 7, 224));
  });
});

describe('resampleBytes', () => {
  const source = noiseImage(47, 38, 4);
  const part = { data: source.data, width: 47, left: 0, top: 0 };

  it.each([
    [47, 38],
    [61, 50],
    [200, 170],
    [40, 31],
    [20, 15],
    [9, 8],
    [3, 2],
  ])(
    'gives the same bits as resampleInto at %i x %i, for the whole image or a part, flipped or not',
    (width, height) => {
      for (const [left, top, w, h] of [
        [0, 0, width, height],
        [width >> 1, height >> 1, (width + 1) >> 1, (height + 1) >> 1],
        [1, 0, Math.max(1, width - 2), 1],
      ] as const) {
        const axes = [triangleAxis(47, width, left, w), triangleAxis(38, height, top, h)] as const;
        for (const flip of [false, true]) {
          const result = new Float32Array(w * h * 3 + 5);
          const expected = new Float32Array(w * h * 3 + 5);
          resampleBytes(result, 3, part, ...axes, flip, [-123.68, 0.1, 7]);
          resampleInto(expected, 3, part, ...axes, flip, [-123.68, 0.1, 7]);
          expect(result).toEqual(expected);
        }
      }
    },
  );
});
