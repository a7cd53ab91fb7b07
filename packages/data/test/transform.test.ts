/** Checks the random distributions of section 3.1 over many draws. Bounds are five standard errors. */
import { describe, expect, it } from 'vitest';
import { colourOffset, drawAugmentation, epochOrder, type TrainTransform, trainingGeometry } from '../src';

const TRANSFORM: TrainTransform = {
  crop: 224,
  scale: [256, 512],
  flip: true,
  colour: {
    values: [0.2, 0.02, 0.004],
    vectors: [
      [0.6, 0.6, 0.5],
      [-0.7, 0, 0.7],
      [0.4, -0.8, 0.4],
    ],
    sigma: 0.1,
  },
  mean: [120, 115, 100],
};
const DRAWS = 20_000;

const augmentations = Array.from({ length: DRAWS }, (_, i) => drawAugmentation(TRANSFORM, 5, i % 7, i));

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const ma = moments(a);
  const mb = moments(b);
  const covariance = a.reduce((sum, v, i) => sum + (v - ma.mean) * (b[i]! - mb.mean), 0) / a.length;
  return covariance / Math.sqrt(ma.variance * mb.variance);
}

describe('drawAugmentation', () => {
  it('draws S uniformly from the integers of the range, both ends included', () => {
    const sides = augmentations.map(({ smallestSide }) => smallestSide);
    const { mean, variance } = moments(sides);
    // Uniform on 257 integers: mean 384, variance (257² - 1) / 12 = 5504, fourth moment gives sd(variance) ≈ 0.9 var / √n.
    expect(Math.abs(mean - 384)).toBeLessThan((5 * Math.sqrt(5504)) / Math.sqrt(DRAWS));
    expect(Math.abs(variance - 5504)).toBeLessThan((5 * 0.9 * 5504) / Math.sqrt(DRAWS));
    expect(new Set(sides).size).toBe(257);
    expect([Math.min(...sides), Math.max(...sides)]).toEqual([256, 512]);
  });

  it('flips half of the images', () => {
    const flips = augmentations.filter(({ flip }) => flip).length / DRAWS;
    expect(Math.abs(flips - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(DRAWS));
    expect(
      drawAugmentation(
        { ...TRANSFORM, flip: false },
        5,
        0,
        augmentations.findIndex(({ flip }) => flip),
      ).flip,
    ).toBe(false);
  });

  it('draws each α from N(0, 0.1), independently of the others', () => {
    const alphas = ([0, 1, 2] as const).map((k) => augmentations.map((d) => d.alphas[k]));
    for (const alpha of alphas) {
      const { mean, variance } = moments(alpha);
      expect(Math.abs(mean)).toBeLessThan((5 * 0.1) / Math.sqrt(DRAWS));
      expect(Math.abs(variance - 0.01)).toBeLessThan((5 * Math.SQRT2 * 0.01) / Math.sqrt(DRAWS));
      const beyond = alpha.filter((a) => Math.abs(a) > 0.196).length / DRAWS;
      expect(Math.abs(beyond - 0.05)).toBeLessThan((5 * Math.sqrt(0.05 * 0.95)) / Math.sqrt(DRAWS));
    }
    const limit = 5 / Math.sqrt(DRAWS);
    expect(Math.abs(correlation(alphas[0]!, alphas[1]!))).toBeLessThan(limit);
    expect(Math.abs(correlation(alphas[1]!, alphas[2]!))).toBeLessThan(limit);
  });

  it('depends only on seed, epoch and sample', () => {
    const at = (seed: number, epoch: number, sample: number) => drawAugmentation(TRANSFORM, seed, epoch, sample);
    expect(at(1, 2, 3)).toEqual(at(1, 2, 3));
    for (const other of [at(2, 2, 3), at(1, 3, 3), at(1, 2, 4)]) expect(other).not.toEqual(at(1, 2, 3));
  });

  it('erases rectangles anywhere of 2 to 33 % of the crop with side ratios of 0.3 to 3.3, and changes no other parameter', () => {
    const transform = { ...TRANSFORM, erasing: 0.25 };
    const draws = Array.from({ length: DRAWS }, (_, i) => drawAugmentation(transform, 5, i % 7, i));
    expect(draws.map(({ erased: _, ...rest }) => rest)).toEqual(augmentations.map(({ erased: _, ...rest }) => rest));
    const windows = draws.flatMap(({ erased }) => (erased === null ? [] : [erased]));
    expect(Math.abs(windows.length / DRAWS - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / DRAWS));
    const areas = windows.map(({ width, height }) => (width * height) / 224 ** 2);
    // Uniform on [0.02, 0.33]: mean 0.175, variance 0.31² / 12; sides are rounded and shorter than the crop's.
    expect(Math.min(...areas)).toBeGreaterThan(0.018);
    expect(Math.max(...areas)).toBeLessThan(0.332);
    expect(Math.abs(moments(areas).mean - 0.175)).toBeLessThan((5 * 0.0895) / Math.sqrt(windows.length) + 0.001);
    const ratios = windows.map(({ width, height }) => Math.log(height / width));
    expect(Math.abs(moments(ratios).mean)).toBeLessThan((5 * 0.69) / Math.sqrt(windows.length) + 0.01);
    for (const { left, top, width, height } of windows) {
      expect(
        Math.min(left, top, 223 - width, 223 - height, 224 - left - width, 224 - top - height),
      ).toBeGreaterThanOrEqual(0);
    }
  });

  it('uses a fixed S as it is', () => {
    expect(drawAugmentation({ ...TRANSFORM, scale: 384 }, 1, 0, 0).smallestSide).toBe(384);
  });
});

describe('trainingGeometry', () => {
  it('places crops uniformly, including both borders', () => {
    const transform = { ...TRANSFORM, scale: 256 };
    const corners = augmentations.map((d) =>
      trainingGeometry({ width: 300, height: 256 }, transform, { ...d, smallestSide: 256 }),
    );
    // Width 300, height 256: left uniform on 0..76 (mean 38, variance 494), top on 0..32 (mean 16, variance 90.67).
    for (const [values, most] of [
      [corners.map(({ window }) => window.left), 76],
      [corners.map(({ window }) => window.top), 32],
    ] as const) {
      const expected = ((most + 1) ** 2 - 1) / 12;
      const { mean, variance } = moments(values);
      expect(Math.abs(mean - most / 2)).toBeLessThan((5 * Math.sqrt(expected)) / Math.sqrt(DRAWS));
      expect(Math.abs(variance - expected)).toBeLessThan((5 * 0.9 * expected) / Math.sqrt(DRAWS));
      expect([Math.min(...values), Math.max(...values)]).toEqual([0, most]);
    }
    const lefts = corners.map(({ window }) => window.left);
    const tops = corners.map(({ window }) => window.top);
    expect(Math.abs(correlation(lefts, tops))).toBeLessThan(5 / Math.sqrt(DRAWS));
  });

  it('shifts colours by p·αλ on the 0..1 scale and then subtracts the mean', () => {
    const { shift } = trainingGeometry({ width: 300, height: 256 }, TRANSFORM, {
      smallestSide: 256,
      position: [0, 0],
      flip: false,
      alphas: [0.1, -0.2, 0.3],
      erased: null,
    });
    // αλ = 0.02, -0.004, 0.0012. Red: 0.6·0.02 + 0.7·0.004 + 0.4·0.0012 = 0.01528, times 255 = 3.8964, minus 120.
    // Green: 0.012 - 0.8·0.0012 = 0.01104 → 2.8152 - 115. Blue: 0.01 - 0.0028 + 0.00048 = 0.00768 → 1.9584 - 100.
    expect(shift).toBeAllclose([-116.1036, -112.1848, -98.0416], { rtol: 1e-9 });
  });

  it('draws colour shifts with the covariance Σ (255 σ λ)² p pᵀ', () => {
    const shifts = augmentations.map(({ alphas }) => colourOffset(TRANSFORM.colour!, alphas));
    const variances = ([0, 1, 2] as const).map((c) => moments(shifts.map((s) => s[c])).variance);
    const expected = ([0, 1, 2] as const).map((c) =>
      TRANSFORM.colour!.values.reduce(
        (sum, value, k) => sum + (25.5 * value * TRANSFORM.colour!.vectors[k]![c]) ** 2,
        0,
      ),
    );
    expect(variances).toBeAllclose(expected, { rtol: (5 * Math.SQRT2) / Math.sqrt(DRAWS) });
  });
});

describe('epochOrder', () => {
  it('is a permutation that differs for each epoch and seed', () => {
    const order = epochOrder(3, 0, 100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(epochOrder(3, 0, 100)).toEqual(order);
    expect(epochOrder(3, 1, 100)).not.toEqual(order);
    expect(epochOrder(4, 0, 100)).not.toEqual(order);
  });
});
