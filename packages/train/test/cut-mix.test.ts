import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { cutMix } from '../src/cut-mix';

/** Images whose numbers all are the index of the image. */
function batch(size: number, height: number, width: number) {
  const imageLength = height * width * 3;
  return {
    images: Float32Array.from({ length: size * imageLength }, (_, i) => Math.floor(i / imageLength)),
    labels: Int32Array.from({ length: size }, (_, i) => 10 + i),
    size,
    height,
    width,
    index: 0,
  };
}

describe('cutMix', () => {
  it('cuts one rectangle into each image, as large as the share of its second label', () => {
    const given = batch(5, 12, 9);
    const before = given.images.slice();
    const shares = Array.from({ length: 200 }, (_, step) => {
      const { images, labels, mixed } = cutMix(given, 1, randomStream(1, 'cut-mix', step, 0));
      expect(labels).toEqual(given.labels);
      expect(Array.from(mixed!.labels)).toEqual([14, 13, 12, 11, 10]);
      let wrong = 0; // Numbers that are of neither image, or differ between the channels of a pixel.
      for (let image = 0; image < 5; image++) {
        const cut: [number, number][] = [];
        for (let pixel = 0; pixel < 108; pixel++) {
          const [r, g, b] = images.subarray((image * 108 + pixel) * 3, (image * 108 + pixel) * 3 + 3);
          if (g !== r || b !== r || (r !== image && r !== 4 - image)) wrong += 1;
          if (r !== image) cut.push([Math.floor(pixel / 9), pixel % 9]);
        }
        if (image === 2) continue;
        expect(cut.length / 108).toBeCloseTo(mixed!.share, 6);
        const ys = cut.map(([y]) => y);
        const xs = cut.map(([, x]) => x);
        const sides = cut.length === 0 ? [0, 0] : [ys, xs].map((at) => Math.max(...at) - Math.min(...at) + 1);
        expect(sides[0]! * sides[1]!).toBe(cut.length);
      }
      expect(wrong).toBe(0);
      return mixed!.share;
    });
    expect(given.images).toEqual(before);
    // The share is uniform, less the part of the rectangle beyond the border.
    expect(Math.max(...shares)).toBeGreaterThan(0.6);
    expect(Math.min(...shares)).toBeLessThan(0.02);
    const mean = shares.reduce((sum, share) => sum + share) / shares.length;
    expect(mean).toBeGreaterThan(0.2);
    expect(mean).toBeLessThan(0.45);
  });

  it('mixes micro-batches with the given probability', () => {
    const given = batch(2, 4, 4);
    const kept = Array.from({ length: 400 }, (_, step) => cutMix(given, 0.25, randomStream(2, 'cut-mix', step, 0)));
    const share = kept.filter((one) => one === given).length / 400;
    expect(share).toBeGreaterThan(0.68);
    expect(share).toBeLessThan(0.82);
  });
});
