import { describe, expect, it } from 'vitest';
import { summarise } from '../src/index';

describe('summarise', () => {
  it.each([
    ['A', 132_863_336],
    ['A-LRN', 132_863_336],
    ['B', 133_047_848],
    ['C', 133_638_952],
    ['D', 138_357_544],
    ['E', 143_667_240],
  ] as const)('counts the parameters of %s as the paper does', (configuration, parameters) => {
    expect(summarise({ configuration }).parameters).toBe(parameters);
  });
});
