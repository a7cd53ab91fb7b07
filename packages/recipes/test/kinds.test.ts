import { describe, expect, it } from 'vitest';
import { inputSize, integer, oneOf, real, scaleList, trainingScale } from '../src/kinds';

describe('option values', () => {
  it('reads integers within their range', () => {
    expect(integer(1, 10)('7')).toBe(7);
    for (const bad of ['0', '11', '1.5', 'x', '', '1e400']) expect(() => integer(1, 10)(bad)).toThrow(/from 1 to 10/);
  });
  it('reads numbers within their range, open or closed below', () => {
    expect(real(0, 1)('0')).toBe(0);
    expect(() => real(0, 1, { open: true })('0')).toThrow(/above 0 to 1/);
    for (const bad of ['-1', '2', 'NaN', 'Infinity', '']) expect(() => real(0, 1)(bad)).toThrow(/from 0 to 1/);
  });
  it('reads names whatever their case and names the nearest to an unknown one', () => {
    expect(oneOf(['A', 'A-LRN'])('a-lrn')).toBe('A-LRN');
    expect(() => oneOf(['single', 'dense'])('dence')).toThrow(/one of single, dense \(did you mean "dense"\?\)/);
  });
  it('reads a fixed training scale and a range', () => {
    expect(trainingScale('256')).toBe(256);
    expect(trainingScale('256:512')).toEqual([256, 512]);
    for (const bad of ['512:256', '0', '256-512', '256:', 'x']) expect(() => trainingScale(bad)).toThrow(/256:512/);
  });
  it('reads the side of a square, or height and width', () => {
    expect(inputSize('96')).toBe(96);
    expect(inputSize('64x128')).toEqual([64, 128]);
    expect(inputSize('64x64')).toBe(64);
    for (const bad of ['64x', 'x64', '0x10', '64x64x3', '64x16', '64x5000', '31', '64*128', '64.5', '-64', '']) {
      expect(() => inputSize(bad)).toThrow(/a side like 96, or height and width like 64x128, each from 32 to 4096/);
    }
  });
  it('reads test scales, sorted and without repeats', () => {
    expect(scaleList('512,256,256')).toEqual([256, 512]);
    for (const bad of ['', '256,', '256,x', '-1']) expect(() => scaleList(bad)).toThrow(/256,384,512/);
  });
});
