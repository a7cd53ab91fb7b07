/** Evaluations kept in a run folder. */
import { describe, expect, it } from 'vitest';
import { withRows } from '../src/evaluation';

describe('the evaluations of a run', () => {
  it('replace those on the same protocol, scales and images, and keep the guesses on the most images', () => {
    const row = { protocol: 'dense', scales: [32], images: 10, of: 'validation', top1: 20, top5: 5 };
    const guesses = { protocol: 'single', images: 100, confusion: [], mistakes: [] };
    const known = { version: 1, k: 5, rows: [row, { ...row, protocol: 'single' }], guesses } as const;
    const after = withRows(known, [{ ...row, top1: 10 }], { ...guesses, protocol: 'dense', images: 10 });
    expect(after.rows.map(({ protocol, top1 }) => [protocol, top1])).toEqual([
      ['single', 20],
      ['dense', 10],
    ]);
    expect(after.guesses).toBe(guesses);
  });

  it('on more images are kept', () => {
    const row = { protocol: 'dense', scales: [32], images: 300, of: 'validation', top1: 20, top5: 5 };
    const known = { version: 1, k: 5, rows: [row], guesses: null } as const;
    expect(withRows(known, [{ ...row, images: 60, top1: 10 }], null).rows).toEqual([row]);
  });
});
