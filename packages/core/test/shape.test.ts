import { expect, it } from 'vitest';
import { sizeOf } from '../src';

it('the size of a shape is the product of its sides, 1 for a scalar', () => {
  expect(sizeOf([3, 3, 64, 128])).toBe(73_728);
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([4, 0])).toBe(0);
});
