import { expect, it } from 'vitest';
import { formatBytes, formatDuration, formatTimestamp } from '../src';

it.each([
  [0, '0:00'],
  [-3, '0:00'],
  [59.6, '1:00'],
  [65, '1:05'],
  [7389, '2:03:09'],
])('%s seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, undefined, '0 B'],
  [512, undefined, '512 B'],
  [1536, undefined, '1.5 KiB'],
  [12 * 2 ** 20, undefined, '12 MiB'],
  [2.25 * 2 ** 30, undefined, '2.3 GiB'],
  [1.5 * 2 ** 30, 'MiB' as const, '1,536 MiB'],
  [2 ** 29, 'GiB' as const, '0.5 GiB'],
])('%s bytes in %s are %s', (bytes, unit, text) => {
  expect(formatBytes(bytes, unit)).toBe(text);
});

it('a timestamp is UTC and safe in file names', () => {
  expect(formatTimestamp(new Date('2026-01-31T09:59:59.999Z'))).toBe('20260131-095959');
});
