import { describe, expect, it, vi } from 'vitest';
import { isInputError, isVggError, VggError } from '../src';

describe('VggError', () => {
  it('carries a stable code, one line and machine-readable details', () => {
    const error = new VggError('shape', 'expected rank 4, got rank 3', { details: { rank: 3 } });
    expect(error).toMatchObject({ name: 'VggError', code: 'VGG_SHAPE', details: { rank: 3 } });
    expect(String(error)).toBe('VggError: expected rank 4, got rank 3');
  });

  it('is one line without control characters, whatever names it contains', () => {
    expect(new VggError('io', 'a\r\nb\u001b[2Jc\u2028d: é 写').message).toBe('a b [2Jc d: é 写');
  });

  it('is recognised when another copy of the package made it', async () => {
    vi.resetModules();
    const other = await import('../src');
    expect(other.VggError).not.toBe(VggError);
    const error = new other.VggError('image', 'truncated');
    expect(error instanceof VggError).toBe(true);
    expect(isVggError(error)).toBe(true);
  });

  it('does not accept other values', () => {
    for (const value of [new Error('x'), null, undefined, 'VggError', { code: 'VGG_SHAPE' }]) {
      expect(isVggError(value)).toBe(false);
    }
  });

  it('keeps its cause and distinguishes bad input from failure', () => {
    const cause = new Error('ENOENT');
    const failure = new VggError('io', 'cannot write', { cause });
    expect(failure.cause).toBe(cause);
    expect(isInputError(failure)).toBe(false);
    expect(isInputError(new VggError('argument', 'unknown option'))).toBe(true);
  });
});
