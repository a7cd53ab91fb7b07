import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../src';

describe('nearest', () => {
  const known = ['single', 'dense', 'multi-crop', 'both'];
  it('names the closest known word, whatever its case', () => {
    expect(nearest('dence', known)).toBe('dense');
    expect(nearest('MULTICROP', known)).toBe('multi-crop');
  });
  it('names nothing if no known word is near', () => {
    expect(nearest('xyzzy', known)).toBeUndefined();
    expect(didYouMean('xyzzy', known)).toBe('');
  });
  it('makes the suggestion that follows an unknown name', () => {
    expect(didYouMean('dence', known)).toBe(' (did you mean "dense"?)');
  });
});
