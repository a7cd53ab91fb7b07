import { describe, expect, it } from 'vitest';
import { nodesOf, randomStream, shareOf, sumPlan, TreeSum } from '../src';

const COUNTS = [1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 24, 33];
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 12];

const terms = (count: number) =>
  Array.from({ length: count }, (_, i) => Math.fround(randomStream(3, 'sum', i).normal() * 10 ** (i % 5)));
const add = (left: number, right: number) => Math.fround(left + right);

/** Adds up as ranks do: each its own terms, then all partial sums by the plan. */
function sumOver(size: number, values: readonly number[]): number {
  const count = values.length;
  const parts = Array.from({ length: size }, (_, rank) => {
    const { first, end } = shareOf(count, rank, size);
    const sum = new TreeSum<number>(count, first, add);
    for (const value of values.slice(first, end)) sum.push(value);
    return sum.parts;
  });
  const plan = sumPlan(count, size);
  expect([...plan.parts]).toEqual(parts.map(({ length }) => length));
  const stack: number[] = [];
  for (const [i, part] of parts.flat().entries()) {
    stack.push(part);
    for (let merge = 0; merge < plan.merges[i]!; merge++) {
      const right = stack.pop()!;
      stack.push(add(stack.pop()!, right));
    }
  }
  expect(stack).toHaveLength(1);
  return stack[0]!;
}

describe('the order of a sum', () => {
  it.each(COUNTS)('gives the same bits for any number of ranks: %i terms', (count) => {
    const values = terms(count);
    const expected = sumOver(1, values);
    for (const size of SIZES) expect(sumOver(size, values)).toBe(expected);
  });

  it('is a balanced tree, by hand', () => {
    const name = (left: string, right: string) => `(${left}${right})`;
    const tree = (count: number) => {
      const sum = new TreeSum<string>(count, 0, name);
      for (let i = 0; i < count; i++) sum.push(String(i));
      return sum.parts;
    };
    expect(tree(1)).toEqual(['0']);
    expect(tree(2)).toEqual(['(01)']);
    expect(tree(3)).toEqual(['((01)2)']);
    expect(tree(4)).toEqual(['((01)(23))']);
    expect(tree(5)).toEqual(['(((01)2)(34))']);
    expect(tree(8)).toEqual(['(((01)(23))((45)(67)))']);
  });

  it('deals consecutive terms evenly, one partial sum per rank where the ranks are a power of two', () => {
    for (const count of COUNTS) {
      for (const size of SIZES) {
        const shares = Array.from({ length: size }, (_, rank) => shareOf(count, rank, size));
        expect(shares.map(({ first }) => first).slice(1)).toEqual(shares.map(({ end }) => end).slice(0, -1));
        const lengths = shares.map(({ first, end }) => end - first);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        const most = Math.max(...sumPlan(count, size).parts);
        if (Number.isInteger(Math.log2(size))) expect(most).toBe(1);
      }
    }
    expect(shareOf(2, 3, 4)).toEqual({ first: 2, end: 2 });
    expect(nodesOf(12, shareOf(12, 1, 3))).toEqual([
      { first: 4, end: 5 },
      { first: 5, end: 6 },
      { first: 6, end: 8 },
    ]);
  });

  it('keeps few partial sums', () => {
    const sum = new TreeSum<number>(64, 0, add);
    let most = 0;
    for (let i = 0; i < 64; i++) {
      sum.push(1);
      most = Math.max(most, sum.parts.length);
    }
    expect([most, sum.parts]).toEqual([6, [64]]);
  });

  it('knows which partial sums the next term is added to', () => {
    const sum = new TreeSum<string>(5, 0, (left, right) => `(${left} ${right})`);
    const next = ['a', 'b', 'c', 'd', 'e'].map((term) => {
      const parts = sum.next;
      sum.push(term);
      return parts;
    });
    expect(next).toEqual([[], ['a'], ['(a b)'], [], ['((a b) c)', 'd']]);
    expect(sum.parts).toEqual(['(((a b) c) (d e))']);
  });
});
