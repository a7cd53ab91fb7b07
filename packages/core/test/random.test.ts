import { describe, expect, it } from 'vitest';
import { randomStream, threefry2x32 } from '../src';

const COUNT = 100_000;

function draws(make: (i: number) => number, count = COUNT): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => make(i));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

function correlation(a: Float64Array, b: Float64Array): number {
  const ma = mean(a);
  const mb = mean(b);
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

describe('threefry2x32', () => {
  // The known-answer vectors of Random123 (tests/kat_vectors, threefry2x32 with 20 rounds).
  it.each([
    ['zeros', [0, 0], [0, 0], [0x6b200159, 0x99ba4efe]],
    ['ones', [0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    ['digits of pi', [0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344], [0xc4923a9c, 0x483df7a0]],
  ] as const)('gives the published vector for %s', (_, counter, key, expected) => {
    const out = new Uint32Array(2);
    threefry2x32(key[0], key[1], counter[0], counter[1], out);
    expect([...out]).toEqual([...expected]);
  });
});

describe('randomStream', () => {
  it('gives the same numbers at the same address', () => {
    const one = randomStream(7, 'crop', 3, 41);
    const two = randomStream(7, 'crop', 3, 41);
    expect(draws(() => one.uint32(), 100)).toEqual(draws(() => two.uint32(), 100));
  });

  it('gives different numbers at different addresses, prefixes and large indices included', () => {
    const addresses: [number, string, ...number[]][] = [
      [7, 'crop', 3, 41],
      [8, 'crop', 3, 41],
      [7 + 2 ** 32, 'crop', 3, 41],
      [7, 'flip', 3, 41],
      [7, 'cro', 3, 41],
      [7, 'crop\0', 3, 41],
      [7, '', 3, 41],
      [7, 'crop', 41, 3],
      [7, 'crop', 3],
      [7, 'crop'],
      [7, 'crop', 3, 41, 0],
      [7, 'crop', 3, 41 + 2 ** 32],
      [7, 'crop', 3, 2 ** 53 - 1],
    ];
    const firsts = new Set(
      addresses.map(([seed, purpose, ...indices]) => randomStream(seed, purpose, ...indices).uint32()),
    );
    expect(firsts.size).toBe(addresses.length);
  });

  it('is uniform in [0, 1): mean, variance and a chi-squared over 64 bins', () => {
    const stream = randomStream(1, 'uniform');
    const values = draws(() => stream.uniform());
    expect(Math.min(...values.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values.slice(0, 10_000))).toBeLessThan(1);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((x) => (x - 0.5) ** 2))).toBeCloseTo(1 / 12, 3);
    const bins = new Float64Array(64);
    for (const x of values) bins[Math.floor(x * 64)]! += 1;
    const chi2 = bins.reduce((sum, n) => sum + (n - COUNT / 64) ** 2 / (COUNT / 64), 0);
    expect(chi2).toBeGreaterThan(30); // 63 degrees of freedom: 99.99 % lie between these bounds
    expect(chi2).toBeLessThan(115);
  });

  it('is normal: mean 0, variance 1, no skew, kurtosis 3', () => {
    const stream = randomStream(2, 'normal');
    const values = draws(() => stream.normal());
    expect(Math.abs(mean(values))).toBeLessThan(0.015);
    expect(mean(values.map((x) => x ** 2))).toBeCloseTo(1, 1);
    expect(Math.abs(mean(values.map((x) => x ** 3)))).toBeLessThan(0.05);
    expect(Math.abs(mean(values.map((x) => x ** 4)) - 3)).toBeLessThan(0.1);
    const even = values.filter((_, i) => i % 2 === 0);
    expect(
      Math.abs(
        correlation(
          even,
          values.filter((_, i) => i % 2 === 1),
        ),
      ),
    ).toBeLessThan(0.02);
  });

  it('makes neighbouring streams independent of each other', () => {
    const bound = 5 / Math.sqrt(COUNT);
    const first = draws((i) => randomStream(1, 'crop', 0, i).uniform());
    const next = draws((i) => randomStream(1, 'crop', 0, i + 1).uniform());
    const otherPurpose = draws((i) => randomStream(1, 'flip', 0, i).uniform());
    const otherEpoch = draws((i) => randomStream(1, 'crop', 1, i).uniform());
    for (const other of [next, otherPurpose, otherEpoch])
      expect(Math.abs(correlation(first, other))).toBeLessThan(bound);
  });

  it('draws integers without bias, and permutations of all numbers', () => {
    const stream = randomStream(3, 'integers');
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[stream.integer(3)]! += 1;
    for (const n of counts) expect(Math.abs(n - 10_000)).toBeLessThan(400);
    const order = stream.permutation(1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect([...order]).not.toEqual([...stream.permutation(1000)]);
  });

  it('refuses an invalid address', () => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => randomStream(bad, 'x')).toThrow(/seed.*integer/);
      expect(() => randomStream(0, 'x', bad)).toThrow(/index.*integer/);
      expect(() => randomStream(0, 'x').integer(bad)).toThrow(/bound/);
    }
  });
});
