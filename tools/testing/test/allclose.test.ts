import { describe, expect, it } from 'vitest';
import { allclose } from '../src';

describe('toBeAllclose', () => {
  it('accepts differences up to atol + rtol * |expected|', () => {
    expect([1.0009, -2]).toBeAllclose([1, -2], { rtol: 1e-3 });
    expect([1.0011]).not.toBeAllclose([1], { rtol: 1e-3 });
    expect([0.5e-6]).toBeAllclose([0], { rtol: 1e-3, atol: 1e-6 });
  });
  it('matches NaN only with NaN, and infinities by sign', () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    expect([nan, inf]).toBeAllclose([nan, inf], { rtol: 0 });
    expect([0]).not.toBeAllclose([nan], { rtol: 1, atol: 1e9 });
    expect([nan]).not.toBeAllclose([0], { rtol: 1, atol: 1e9 });
    expect([-inf]).not.toBeAllclose([inf], { rtol: 1 });
    expect([1]).not.toBeAllclose([inf], { rtol: 1 });
  });
  it('names the worst index, a wrong length and a wrong shape', () => {
    expect(allclose([1, 5, 3.1], [1, 2, 3], { rtol: 1e-3 })).toMatch(/2 of 3.*index 1: expected 2, got 5/);
    expect(allclose([1], [1, 2], { rtol: 1 })).toMatch(/expected 2 numbers, got 1/);
    const tensor = (shape: number[]) => ({ shape, dataSync: () => [1, 2, 3, 4] });
    expect(allclose(tensor([2, 2]), tensor([4]), { rtol: 1 })).toMatch(/shape \[4\], got \[2,2\]/);
  });
});
