import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { cutMix } from '../src/cut-mix';

/** Pictures whose every number is their own index. */
function batch(size: number, height: number, width: number) {
  const picture = height * width * 3;
  return {
    images: Float32Array.from({ length: size * picture }, (_, i) => Math.floor(i / picture)),
    labels: Int32Array.from({ length: size }, (_, i) => 10 + i),
    ...{ size, height, width, index: 0 },
  };
}

describe('cutMix', () => {
  it('cuts one rectangle into each picture, as large as the share of its second label', () => {
    const given = batch(5, 12, 9);
    const before = given.images.slice();
    const shares = Array.from({ length: 200 }, (_, step) => {
      const { images, labels, mixed } = cutMix(given, 1, randomStream(1, 'cut-mix', step, 0));
      expect(labels).toEqual(given.labels);
      expect(Array.from(mixed!.labels)).toEqual([14, 13, 12, 11, 10]);
      for (let picture = 0; picture < 5; picture++) {
        const cut: [number, number][] = [];
        for (let pixel = 0; pixel < 108; pixel++) {
          const [r, g, b] = images.subarray((picture * 108 + pixel) * 3, (picture * 108 + pixel) * 3 + 3);
          expect([g, b]).toEqual([r, r]);
          expect([picture, 4 - picture]).toContain(r);
          if (r !== picture) cut.push([Math.floor(pixel / 9), pixel % 9]);
        }
        if (picture === 2) continue;
        expect(cut.length / 108).toBeCloseTo(mixed!.share, 6);
        const [ys, xs] = [cut.map(([y]) => y), cut.map(([, x]) => x)];
        const sides = cut.length === 0 ? [0, 0] : [ys, xs].map((at) => Math.max(...at) - Math.min(...at) + 1);
        expect(sides[0]! * sides[1]!).toBe(cut.length);
      }
      return mixed!.share;
    });
    expect(given.images).toEqual(before);
    // A uniform share whose rectangle loses what lies beyond the border.
    expect(Math.max(...shares)).toBeGreaterThan(0.6);
    expect(Math.min(...shares)).toBeLessThan(0.02);
    const mean = shares.reduce((sum, share) => sum + share) / shares.length;
    expect(mean).toBeGreaterThan(0.2);
    expect(mean).toBeLessThan(0.45);
  });

  it('leaves as many micro-batches alone as asked', () => {
    const given = batch(2, 4, 4);
    const kept = Array.from({ length: 400 }, (_, step) => cutMix(given, 0.25, randomStream(2, 'cut-mix', step, 0)));
    const share = kept.filter((one) => one === given).length / 400;
    expect(share).toBeGreaterThan(0.68);
    expect(share).toBeLessThan(0.82);
  });
});
