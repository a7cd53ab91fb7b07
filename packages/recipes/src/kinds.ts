/**
 * Kinds of setting values. Each is used in two places: it parses the text of a command line, and its schema checks the value
 * in a recipe file. Both give the same error messages.
 */
import { didYouMean } from '@vgg/core';
import type { CropSize } from '@vgg/data';
import { InvalidArgumentError } from 'commander';
import * as v from 'valibot';

/** Parser of an option's text; `schema` checks the same value in a recipe file. */
export interface Kind<T> {
  (text: string): T;
  readonly schema: v.GenericSchema<unknown, T>;
}

/** Schema of a recipe file's value before it is checked. */
type Written = v.GenericSchema<unknown, number | string | boolean | string[]>;

/** Makes a kind from its parser: a recipe file's value of the right type is parsed as its text would be. */
function kind<T>(read: (text: string) => T, written: Written): Kind<T> {
  const schema = v.pipe(
    written,
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return read(String(dataset.value));
      } catch (error) {
        addIssue({ message: (error as Error).message });
        return NEVER;
      }
    }),
  );
  return Object.assign(read, { schema });
}

function number(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

const isNumber = v.number('Expected a number.');
const isText = v.string('Expected text.');

/** Integer from `low` to `high`. */
export function integer(low: number, high = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = high === Number.MAX_SAFE_INTEGER ? `${low} or more` : `from ${low} to ${high}`;
  return kind((text) => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected an integer, ${range}.`);
    }
    return value;
  }, isNumber);
}

/** Finite number in [low, high], or (low, high] when `open`. */
export function real(low: number, high: number, { open = false } = {}): Kind<number> {
  const range = Number.isFinite(high)
    ? `${open ? 'above' : 'from'} ${low} to ${high}`
    : `${open ? 'above' : 'at least'} ${low}`;
  return kind((text) => {
    const value = number(text);
    if (!Number.isFinite(value) || value < low || value > high || (open && value === low)) {
      throw new InvalidArgumentError(`Expected a number ${range}.`);
    }
    return value;
  }, isNumber);
}

/** One of a few names, in any capitals. The error for an unknown name suggests the nearest. */
export function oneOf<const T extends string>(names: readonly T[]): Kind<T> {
  return kind((text) => {
    const name = names.find((known) => known.toLowerCase() === text.toLowerCase());
    if (name === undefined) {
      throw new InvalidArgumentError(`Expected one of ${names.join(', ')}${didYouMean(text, names)}.`);
    }
    return name;
  }, isText);
}

/** Text that is not empty, such as a path or a name. */
export const anyText: Kind<string> = kind((given) => {
  if (given.trim() === '') throw new InvalidArgumentError('Expected some text.');
  return given;
}, isText);

/** Boolean: `true` or `false` in a recipe file, two options on a command line, which commander parses. */
export const yesOrNo: Kind<boolean> = kind((given) => given === 'true', v.boolean('Expected true or false.'));

const SIDES = { low: 32, high: 4096 } as const;
const INPUT = `Expected a side like 96, or height and width like 64x128, each from ${SIDES.low} to ${SIDES.high}.`;

/** Size of a net's input in pixels: `96` for a square, `64x128` for height and width. */
export const inputSize: Kind<CropSize> = kind(
  (given) => {
    const [, height, width = height] = /^(\d+)(?:x(\d+))?$/.exec(given.trim()) ?? [];
    const sides = [Number(height), Number(width)] as const;
    if (!sides.every((side) => side >= SIDES.low && side <= SIDES.high)) throw new InvalidArgumentError(INPUT);
    return sides[0] === sides[1] ? sides[0] : sides;
  },
  v.union([v.number(), v.string()], INPUT),
);

const SCALE = 'Expected a scale like 256, or a range like 256:512.';

/** Training scale: `256`, or `256:512` for scale jittering. */
export const trainingScale: Kind<number | readonly [number, number]> = kind(
  (given) => {
    const match = /^(\d+)(?::(\d+))?$/.exec(given.trim());
    const low = Number(match?.[1]);
    const high = match?.[2] === undefined ? low : Number(match[2]);
    if (match === null || low < 1 || high < low) throw new InvalidArgumentError(SCALE);
    return match[2] === undefined ? low : ([low, high] as const);
  },
  v.union([v.number(), v.string()], SCALE),
);

/** Parses test scales: `256,384,512`. */
export function scaleList(given: string): readonly number[] {
  const scales = given.split(',').map(number);
  if (scales.some((scale) => !Number.isSafeInteger(scale) || scale < 1)) {
    throw new InvalidArgumentError('Expected scales like 256,384,512.');
  }
  return [...new Set(scales)].sort((a, b) => a - b);
}

/** Names: `stage1,conv3_1`, or `none`; in a recipe file also a list. */
export const nameList: Kind<readonly string[]> = kind(
  (given) => {
    if (given === '' || given === 'none') return [];
    const names = given.split(',').map((name) => name.trim());
    if (names.includes('')) throw new InvalidArgumentError('Expected names like stage1,conv3_1.');
    return [...new Set(names)];
  },
  v.union([v.string(), v.array(v.string())], 'Expected names like stage1,conv3_1.'),
);

const RATES = 'Expected layers and factors like features=0.1,fc8=10.';

/** Factors of layers: `features=0.1,fc8=10`, or `none`; in a recipe file also a list. */
export const layerFactors: Kind<readonly string[]> = kind(
  (given) => {
    if (given === '' || given === 'none') return [];
    const entries = given.split(',').map((entry) => entry.trim());
    if (!entries.every((entry) => /^\w+=\d*\.?\d+(e-?\d+)?$/.test(entry))) throw new InvalidArgumentError(RATES);
    return entries;
  },
  v.union([v.string(), v.array(v.string())], RATES),
);

/** Returns a parser for a list of known names: `A,B,D`. */
export function listOf<const T extends string>(names: readonly T[]) {
  const one = oneOf(names);
  return (given: string): readonly T[] => [...new Set(given.split(',').map((name) => one(name.trim())))];
}

const SECONDS = { s: 1, m: 60, h: 3600 } as const;

/** Parses a duration such as `90s`, `30m` or `1.5h`; returns seconds. */
export function timeSpan(given: string): number {
  const match = /^(\d+(?:\.\d+)?)([smh])$/.exec(given.trim());
  const seconds = Number(match?.[1]) * (SECONDS[match?.[2] as keyof typeof SECONDS] ?? 0);
  if (!(seconds > 0)) throw new InvalidArgumentError('Expected a time like 90s, 30m or 8h.');
  return seconds;
}
