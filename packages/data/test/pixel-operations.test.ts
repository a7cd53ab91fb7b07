/** Operations on pixels against Pillow, and the random choices of crops against their distributions. */
import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { drawAugmentation, type TrainTransform, trainingGeometry } from '../src';
import { drawJitter, drawTrivial } from '../src/pixel-augmentation';
import { applyOperation, type PixelOperation } from '../src/pixel-operations';
import { resizedGeometry, windowFor } from '../src/resized-crop';
import fixture from './fixtures/pixel-operations.json';

const SIDE = 8;

function changed(operation: PixelOperation, pixels: readonly number[] = fixture.pixels, side = SIDE): number[] {
  const copy = Float32Array.from(pixels);
  applyOperation(copy, { width: side, height: side }, operation);
  return [...copy];
}

/** The rotation of TrivialAugment by 30 degrees. */
function rotation(): PixelOperation {
  const cos = Math.sqrt(3) / 2;
  return { kind: 'affine', matrix: [cos, -0.5, 4 - 4 * cos + 2, 0.5, cos, 4 - 2 - 4 * cos] };
}

describe('applyOperation', () => {
  // Pillow rounds to 8 bits, in two steps where it blends: the tolerance is one or two values.
  it.each<[keyof typeof fixture, PixelOperation, number]>([
    ['brightness', { kind: 'brightness', factor: 1.6 }, 1],
    ['contrast', { kind: 'contrast', factor: 0.4 }, 1.5],
    ['saturation', { kind: 'saturation', factor: 1.7 }, 1.5],
    ['sharpness', { kind: 'sharpness', factor: 0.25 }, 1.5],
    ['posterise', { kind: 'posterise', bits: 3 }, 0],
    ['solarise', { kind: 'solarise', threshold: 100 }, 0],
    ['autocontrast', { kind: 'autocontrast' }, 1],
    ['shear', { kind: 'affine', matrix: [1, 0.4, 0, 0, 1, 0] }, 0],
    ['shift', { kind: 'affine', matrix: [1, 0, 0, 0, 1, -3] }, 0],
    ['rotation', rotation(), 0],
  ])('has the pixels of Pillow: %s', (name, operation, atol) => {
    expect(changed(operation)).toBeAllclose(fixture[name], { atol, rtol: 0 });
  });

  it('equalises as Pillow does', () => {
    const side = 24;
    const pattern = Array.from({ length: side * side * 3 }, (_, i) => {
      const at = Math.floor(i / 3);
      return (((at % side) * 7 + Math.floor(at / side) * 11 + (i % 3) * 29) % 97) + 20 * (i % 3);
    });
    expect(changed({ kind: 'equalise' }, pattern, side)).toEqual(fixture.equalised);
  });

  it('leaves a crop of one colour alone where there is nothing to stretch', () => {
    const grey = new Array(48).fill(90);
    expect(changed({ kind: 'autocontrast' }, grey, 4)).toEqual(grey);
    expect(changed({ kind: 'equalise' }, grey, 4)).toEqual(grey);
  });
});

describe('random pixel operations', () => {
  it('draws the fourteen operations of TrivialAugment equally often', () => {
    const draws = Array.from({ length: 7000 }, (_, i) =>
      drawTrivial(randomStream(1, 'test', i), { width: 64, height: 64 }),
    );
    const none = draws.filter((operations) => operations.length === 0).length;
    const affine = draws.filter(([operation]) => operation?.kind === 'affine').length;
    // Binomial with 7000 draws: five standard deviations are 108 and 200.
    expect(Math.abs(none - 500)).toBeLessThan(108);
    expect(Math.abs(affine - 2500)).toBeLessThan(200);
    for (const bits of draws.flat().flatMap((one) => (one.kind === 'posterise' ? [one.bits] : []))) {
      expect([2, 3, 4, 5, 6, 7, 8]).toContain(bits);
    }
  });

  it('jitters brightness, contrast and saturation up to the strength', () => {
    const draws = Array.from({ length: 500 }, (_, i) => drawJitter(randomStream(2, 'test', i), 0.4));
    const factors = draws.flat().map((one) => (one as { factor: number }).factor);
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.6);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.4);
    expect(new Set(draws.map((one) => one.map(({ kind }) => kind).join())).size).toBe(6);
  });
});

describe('RandomResizedCrop', () => {
  const window = (area: number, ratio: number, x = 0, y = 0) => ({ area, ratio, position: [x, y] as const });
  const square = { width: 50, height: 50 };

  it('takes the first window that fits', () => {
    // 400×100: half the area with ratio 1 is 141×141, which is too high; a quarter is 100×100.
    expect(windowFor({ width: 400, height: 100 }, [window(0.5, 1), window(0.25, 1, 0.5)], square)).toEqual({
      left: 150,
      top: 0,
      width: 100,
      height: 100,
    });
    // Otherwise the central window of 4:3.
    expect(windowFor({ width: 400, height: 100 }, [window(1, 1)], square)).toEqual({
      left: 133,
      top: 0,
      width: 133,
      height: 100,
    });
  });

  it('places the crop in the rescaled image', () => {
    // The window 100×50 becomes 50×50: x is halved, y is unchanged.
    const result = resizedGeometry({ width: 200, height: 100 }, { left: 60, top: 20, width: 100, height: 50 }, square);
    expect(result).toEqual({
      rescaled: { width: 100, height: 100 },
      window: { left: 30, top: 20, width: 50, height: 50 },
    });
  });
});

describe('augmentation beyond the paper', () => {
  const base: TrainTransform = { crop: 32, scale: [37, 48], flip: true, colour: null, mean: [1, 2, 3], erasing: 0.5 };

  it('does not change what is drawn without it', () => {
    for (let i = 0; i < 50; i++) {
      const {
        windows: _,
        operations: __,
        ...drawn
      } = drawAugmentation({ ...base, smallestArea: 0.1, jitter: 0.4, trivialAugment: true }, 1, 0, i);
      expect(drawn).toEqual(drawAugmentation(base, 1, 0, i));
    }
  });

  it('draws areas uniformly from the smallest to the whole image', () => {
    const size = { width: 1000, height: 1000 };
    const areas = Array.from({ length: 2000 }, (_, i) => {
      const { windows } = drawAugmentation({ ...base, smallestArea: 0.2 }, 1, 0, i);
      const { width, height } = windowFor(size, windows!, { width: 32, height: 32 });
      return (width * height) / 1e6;
    });
    const mean = areas.reduce((sum, area) => sum + area) / areas.length;
    // Uniform on [0.2, 1] has the mean 0.6; large windows of another shape do not fit and are drawn again.
    expect(mean).toBeGreaterThan(0.5);
    expect(mean).toBeLessThan(0.61);
    expect(Math.min(...areas)).toBeGreaterThan(0.19);
    const drawn = drawAugmentation({ ...base, smallestArea: 0.2 }, 1, 0, 0);
    expect(trainingGeometry(size, base, drawn).window).toMatchObject({ width: 32, height: 32 });
  });
});
