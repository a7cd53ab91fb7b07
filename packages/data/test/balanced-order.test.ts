import { describe, expect, it } from 'vitest';
import { balancedOrder } from '../src';

/** Ninety images of class 0, eight of class 1, two of class 3; class 2 is empty. */
const LABELS = Array.from({ length: 100 }, (_, i) => (i < 90 ? 0 : i < 98 ? 1 : 3));

describe('balancedOrder', () => {
  it('makes classes equally frequent and uses the images of a class evenly', () => {
    for (let epoch = 0; epoch < 5; epoch++) {
      const order = balancedOrder(1, epoch, LABELS, 4);
      expect(order).toHaveLength(100);
      const uses = new Map<number, number>();
      for (const image of order) uses.set(image, (uses.get(image) ?? 0) + 1);
      const perClass = [0, 1, 3].map((label) => [...order].filter((image) => LABELS[image] === label).length);
      expect([...perClass].sort()).toEqual([33, 33, 34]);
      const counts = (from: number, to: number) => [...uses].filter(([i]) => i >= from && i < to).map(([, n]) => n);
      expect(Math.max(...counts(0, 90))).toBe(1);
      for (const count of counts(90, 98)) expect([4, 5]).toContain(count);
      for (const count of counts(98, 100)) expect([16, 17]).toContain(count);
    }
  });

  it('depends on seed and epoch alone', () => {
    expect(balancedOrder(1, 2, LABELS, 4)).toEqual(balancedOrder(1, 2, LABELS, 4));
    expect(balancedOrder(1, 2, LABELS, 4)).not.toEqual(balancedOrder(1, 3, LABELS, 4));
    expect(balancedOrder(1, 2, LABELS, 4)).not.toEqual(balancedOrder(2, 2, LABELS, 4));
  });
});
