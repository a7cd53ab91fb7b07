import { expect, it } from 'vitest';
import { requireInteger } from '../src';

it('accepts the least value and larger ones', () => {
  expect(() => requireInteger('epochs', 1, 1)).not.toThrow();
  expect(() => requireInteger('drops', 0, 0)).not.toThrow();
  expect(() => requireInteger('seed', Number.MAX_SAFE_INTEGER, 0)).not.toThrow();
});

it.each([0, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('refuses %s with one line', (value) => {
  expect(() => requireInteger('epochs', value, 1)).toThrow(
    expect.objectContaining({
      code: 'VGG_ARGUMENT',
      message: `expected epochs to be an integer of at least 1, got ${value}`,
    }),
  );
});
