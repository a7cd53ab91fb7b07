/** Readers of option values: each takes the text a person wrote and gives the value, or says what was expected. */
import { didYouMean } from '@vgg/core';
import { InvalidArgumentError } from 'commander';

function number(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** An integer from `low` to `high`. */
export function integer(low: number, high = Number.MAX_SAFE_INTEGER) {
  const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `from ${low} to ${high}`;
  return (text: string): number => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected an integer, ${range}.`);
    }
    return value;
  };
}

/** A finite number in [low, high], or (low, high] when `open`. */
export function real(low: number, high: number, { open = false } = {}) {
  const range = Number.isFinite(high)
    ? `${open ? 'above' : 'from'} ${low} to ${high}`
    : `${open ? 'above' : 'at least'} ${low}`;
  return (text: string): number => {
    const value = number(text);
    if (!Number.isFinite(value) || value < low || value > high || (open && value === low)) {
      throw new InvalidArgumentError(`Expected a number ${range}.`);
    }
    return value;
  };
}

/** One of a few names; an unknown one is told the nearest. Names are compared without regard to case. */
export function oneOf<const T extends string>(names: readonly T[]) {
  return (text: string): T => {
    const name = names.find((known) => known.toLowerCase() === text.toLowerCase());
    if (name === undefined) {
      throw new InvalidArgumentError(`Expected one of ${names.join(', ')}${didYouMean(text, names)}.`);
    }
    return name;
  };
}

/** A training scale: `256`, or `256:512` for scale jittering. */
export function trainingScale(text: string): number | readonly [number, number] {
  const match = /^(\d+)(?::(\d+))?$/.exec(text.trim());
  const low = Number(match?.[1]);
  const high = match?.[2] === undefined ? low : Number(match[2]);
  if (match === null || low < 1 || high < low) {
    throw new InvalidArgumentError('Expected a scale like 256, or a range like 256:512.');
  }
  return match[2] === undefined ? low : [low, high];
}

/** Test scales: `256,384,512`. */
export function scaleList(text: string): readonly number[] {
  const scales = text.split(',').map(number);
  if (scales.some((scale) => !Number.isSafeInteger(scale) || scale < 1)) {
    throw new InvalidArgumentError('Expected scales like 256,384,512.');
  }
  return [...new Set(scales)].sort((a, b) => a - b);
}
