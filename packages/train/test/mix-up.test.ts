import { randomStream } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { mixUp } from '../src/mix-up';

/** Three images of one pixel. */
const BATCH = {
  images: Float32Array.of(0, 0, 0, 10, 20, 30, 100, 100, 100),
  labels: Int32Array.of(7, 8, 9),
  size: 3,
  height: 1,
  width: 1,
  index: 0,
};

describe('mixUp', () => {
  it('blends each image with its partner by the share of the second label', () => {
    for (let step = 0; step < 50; step++) {
      const { images, labels, mixed } = mixUp(BATCH, 1, randomStream(1, 'mix-up', step, 0));
      const share = mixed!.share;
      expect([...labels!, ...mixed!.labels]).toEqual([7, 8, 9, 9, 8, 7]);
      const [low, high] = [100 * share, 100 * (1 - share)];
      expect([...images]).toEqual(
        [low, low, low, 10, 20, 30, high, high, high].map((value) => expect.closeTo(value, 4)),
      );
    }
    expect([...BATCH.images.subarray(0, 3)]).toEqual([0, 0, 0]);
  });

  it('draws shares like Beta(0.2, 0.2), folded at 1/2', () => {
    const shares = Array.from(
      { length: 4000 },
      (_, i) => mixUp(BATCH, 1, randomStream(3, 'mix-up', i, 0)).mixed!.share,
    );
    // (x - 1/2)² has the mean 1 / (4·(2α + 1)) = 0.17857 under Beta(α, α), folded or not.
    const spread = shares.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / shares.length;
    expect(Math.abs(spread - 0.17857)).toBeLessThan(0.006);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.5);
  });

  it('mixes micro-batches with the given probability', () => {
    const kept = Array.from({ length: 400 }, (_, i) => mixUp(BATCH, 0.25, randomStream(2, 'mix-up', i, 0)));
    const share = kept.filter((one) => one === BATCH).length / 400;
    expect(Math.abs(share - 0.75)).toBeLessThan(0.08);
  });
});
