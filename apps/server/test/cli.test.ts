import { describe, expect, it } from 'vitest';
import { helpText, readOptions } from '../src/options';

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions(['--weights', 'a.safetensors', '--port', '0'])).toEqual({
      weights: 'a.safetensors',
      host: '127.0.0.1',
      engine: 'auto',
      port: 0,
      batch: 8,
      wait: 4,
      queue: 64,
      'max-bytes': 10_000_000,
      'max-pixels': 50_000_000,
      timeout: 30_000,
    });
  });

  it('shows its help', () => {
    expect(readOptions(['--help'])).toBeUndefined();
    expect(helpText()).toMatch(/--weights .*\n.*--host/);
  });

  it.each([
    [[], 'expected --weights with a file or a name: see --help'],
    [['--weights'], 'expected a value after --weights: see --help'],
    [['--weigths', 'a'], 'unknown option --weigths (did you mean "weights"?): see --help'],
    [['a.safetensors'], 'unexpected word "a.safetensors": see --help'],
    [['--weights', 'a', '--batch', '0'], 'expected --batch to be an integer of at least 1, got 0'],
    [['--weights', 'a', '--port', 'x'], 'expected --port to be an integer of at least 0, got NaN'],
    [['--weights', 'a', '--port', '70000'], 'expected --port to be at most 65535, got 70000'],
    [['--weights', 'a', '--wait', '2147483648'], 'expected --wait to be at most 2147483647, got 2147483648'],
    [['--weights', 'a', '--timeout', '3000000000'], 'expected --timeout to be at most 2147483647, got 3000000000'],
  ])('refuses %j in one line', (words, message) => {
    expect(() => readOptions(words)).toThrow(message);
  });
});
