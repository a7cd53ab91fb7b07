import { ERROR_CODES, isVggError } from '@vgg/core';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_NAMES, createVgg, inputShape, resolveOptions, summarise, type VggOptions } from '../src/index';

function refusal(options: unknown, by: (options: VggOptions) => unknown = resolveOptions): string {
  try {
    by(options as VggOptions);
  } catch (error) {
    if (!isVggError(error) || error.code !== ERROR_CODES.argument) throw error;
    expect(error.message).not.toContain('\n');
    return error.message;
  }
  throw new Error('expected a refusal');
}

describe('resolveOptions', () => {
  it("fills in the paper's values", () => {
    expect(resolveOptions({ configuration: 'D' })).toEqual({
      configuration: 'D',
      batchNorm: false,
      classes: 1000,
      inputSize: 224,
      width: 1,
      head: 'paper',
      dropout: 0.5,
    });
  });

  it('keeps given values, replaces undefined by the default, and returns resolved options unchanged', () => {
    const given = {
      configuration: 'C',
      batchNorm: true,
      classes: 2,
      inputSize: 33,
      width: 0.1,
      head: 'small',
    } as const;
    const resolved = resolveOptions({ ...given, dropout: undefined } as unknown as VggOptions);
    expect(resolved).toEqual({ ...given, dropout: 0.5 });
    expect(resolveOptions(JSON.parse(JSON.stringify(resolved)))).toEqual(resolved);
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  it('keeps tables, rectangles and other channels, and writes squares and RGB in one way', () => {
    const table = [64, 'M', { filters: 128, kernel: 1 }, 'LRN', 'pool'] as const;
    const resolved = resolveOptions({ configuration: table, inputSize: [28, 20], channels: 1 });
    expect(resolved).toMatchObject({ configuration: table, inputSize: [28, 20], channels: 1 });
    expect(resolveOptions(JSON.parse(JSON.stringify(resolved)))).toEqual(resolved);
    expect(inputShape(resolved)).toEqual([28, 20, 1]);
    const square = resolveOptions({ configuration: 'A', inputSize: [64, 64], channels: 3 });
    expect(square).toEqual(resolveOptions({ configuration: 'A', inputSize: 64 }));
    expect(Object.keys(square)).not.toContain('channels');
    expect(refusal({ configuration: table, inputSize: 3 })).toMatch(/inputSize must be an integer of at least 4/);
  });

  it('names the nearest configuration and lists all', () => {
    expect(refusal({ configuration: 'a-lrn' })).toBe(
      'configuration must be one of A, A-LRN, B, C, D, E, got "a-lrn" (did you mean "A-LRN"?)',
    );
    expect(refusal({})).toBe('configuration must be one of A, A-LRN, B, C, D, E, got undefined');
  });

  it('names the nearest option', () => {
    expect(refusal({ configuration: 'A', batchnorm: true })).toMatch(
      /unknown option "batchnorm".*did you mean "batchNorm"\?/,
    );
    expect(refusal({ configuration: 'A', nonsense: 1 })).toMatch(
      /unknown option "nonsense" of a net; known are configuration/,
    );
  });

  it.each<[string, unknown, RegExp]>([
    ['configuration', 3, /got 3/],
    ['configuration', ['A'], /entry 0 of the table: expected a number of filters, .* got "A"$/],
    ['configuration', [], /a table needs 1 to 1000 entries, got 0/],
    ['configuration', ['pool', 64], /a table starts with a convolution, got 'pool'/],
    ['configuration', [64, 0], /entry 1 of the table: .* got 0$/],
    ['configuration', [{ filters: 8, kernel: 5 }], /kernel: 1 or 3 .* got \{"filters":8,"kernel":5\}$/],
    ['configuration', [8, 'LRN', 8, 'LRN'], /one LRN between two pools/],
    ['configuration', 'vgg16', /got "vgg16": VGG-16 is D$/],
    ['configuration', 'VGG-19_bn', /VGG-19 is E with batchNorm: true$/],
    ['channels', 0, /channels must be an integer of at least 1, got 0/],
    ['inputSize', [64, 31], /must be \[height, width\] of integers of at least 32, got \[64,31\]/],
    ['inputSize', [64], /got \[64\]/],
    ['configuration', 'x'.repeat(1000), /^.{0,130}$/],
    ['batchNorm', 'yes', /must be true or false, got "yes"/],
    ['classes', 0, /must be an integer of at least 1, got 0/],
    ['classes', 2.5, /got 2.5/],
    ['classes', '10', /got "10"/],
    ['classes', Number.NaN, /got NaN/],
    ['inputSize', 31, /must be an integer of at least 32, got 31/],
    ['inputSize', Number.POSITIVE_INFINITY, /got Infinity/],
    ['width', 0, /must be a number above 0, got 0/],
    ['width', -1, /got -1/],
    ['width', Number.NaN, /got NaN/],
    ['head', 'papr', /must be one of paper, small, linear, none, got "papr" \(did you mean "paper"\?\)/],
    ['head', '__proto__', /must be one of paper, small/],
    ['dropout', 1, /must be a number from 0 to below 1, got 1/],
    ['dropout', -0.1, /got -0.1/],
    ['dropout', null, /got null/],
  ])('refuses %s of %s', (key, value, message) => {
    expect(refusal({ configuration: 'A', [key]: value })).toMatch(message);
  });

  it.each([null, undefined, 'D', [], 7])('refuses %s for options', (options) => {
    expect(refusal(options)).toMatch(/expected the options of a net as an object/);
  });

  it('refuses nets with variables too large for any backend, before creating them', () => {
    const message = /fc6\.weight would have \d+ elements, more than 2\^31 - 1: lower width, inputSize or classes/;
    expect(refusal({ configuration: 'A', inputSize: 4096 }, createVgg)).toMatch(message);
    expect(refusal({ configuration: 'A', width: 1e300 }, summarise)).toMatch(/^conv1_1.weight would have .* elements/);
  });
});

describe('CONFIGURATION_NAMES', () => {
  it('are the columns of Table 1', () => {
    expect(CONFIGURATION_NAMES).toEqual(['A', 'A-LRN', 'B', 'C', 'D', 'E']);
  });
});
