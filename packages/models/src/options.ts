/** Options of a net: the column of Table 1 (section 2.2) and its variations. All of them are checked here. */
import { didYouMean, VggError } from '@vgg/core';
import { CONFIGURATION_NAMES, type ConfigurationName, HEADS, type HeadName } from './table';

export interface VggOptions<C extends ConfigurationName = ConfigurationName> {
  /** Column of Table 1. */
  configuration: C;
  /** Batch normalisation between each convolution and its ReLU. Not in the paper, which precedes it. Default false. */
  batchNorm?: boolean | undefined;
  /** Number of classes, at least 1; always 0 with head `none`. Default 1000. */
  classes?: number | undefined;
  /**
   * Side of the square training crop in pixels, an integer of at least 32; pool5 has side floor(side / 32). Default
   * 224.
   */
  inputSize?: number | undefined;
  /** Factor, above 0, of the width of every hidden layer; each keeps at least 1 unit. Default 1. */
  width?: number | undefined;
  /**
   * `paper`: fc6 and fc7 of 4096 · width. `small`: fc6 of 512 · width. `linear`: neither. fc8 follows. `none`: no
   * fully-connected layer and no class scores, for features. Default `paper`.
   */
  head?: HeadName | undefined;
  /**
   * Probability of dropping a unit of the hidden fully-connected layers in training, in [0, 1). Default 0.5 (section
   * 3.1).
   */
  dropout?: number | undefined;
}

/** Options with every default filled in: plain JSON, to be saved with the weights. */
export type ResolvedVggOptions<C extends ConfigurationName = ConfigurationName> = {
  readonly [K in keyof VggOptions<C>]-?: Exclude<VggOptions<C>[K], undefined>;
};

const DEFAULTS = {
  batchNorm: false,
  classes: 1000,
  inputSize: 224,
  width: 1,
  head: 'paper',
  dropout: 0.5,
} as const;

interface Rule {
  /** Expected value, in the words of the error message. */
  expected: string;
  accepts(value: unknown): boolean;
  /** Accepted words, to suggest the nearest. */
  known?: readonly string[];
}

const HEAD_NAMES = Object.keys(HEADS) as HeadName[];

function oneOf(known: readonly string[]): Rule {
  return {
    expected: `one of ${known.join(', ')}`,
    accepts: (value) => typeof value === 'string' && known.includes(value),
    known,
  };
}

function integerFrom(least: number): Rule {
  return {
    expected: `an integer of at least ${least}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least,
  };
}

const RULES: Readonly<Record<keyof VggOptions, Rule>> = {
  configuration: oneOf(CONFIGURATION_NAMES),
  batchNorm: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  classes: integerFrom(1),
  inputSize: integerFrom(32),
  width: {
    expected: 'a number above 0',
    accepts: (value) => Number.isFinite(value) && (value as number) > 0,
  },
  head: oneOf(HEAD_NAMES),
  dropout: {
    expected: 'a number from 0 to below 1',
    accepts: (value) => typeof value === 'number' && value >= 0 && value < 1,
  },
};

/** Returns a value as an error message shows it: short. */
function inMessage(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'an array' : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Checks options and fills in the defaults, also for options that are `undefined`.
 *
 * @throws VggError `VGG_ARGUMENT` for an unknown option or configuration, naming the nearest known one, and for a value
 *   out of range.
 */
export function resolveOptions<const C extends ConfigurationName>(options: VggOptions<C>): ResolvedVggOptions<C> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new VggError('argument', `expected the options of a net as an object, got ${inMessage(options)}`);
  }
  const known = Object.keys(RULES);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new VggError(
      'argument',
      `unknown option ${inMessage(unknown)} of a net${didYouMean(unknown, known)}; known are ${known.join(', ')}`,
    );
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: Record<string, unknown> = { configuration: undefined, ...DEFAULTS, ...given };
  if (resolved.head === 'none') resolved.classes = 0;
  for (const [key, rule] of Object.entries(RULES)) {
    const value = resolved[key];
    if (key === 'classes' && resolved.head === 'none') continue;
    if (rule.accepts(value)) continue;
    const hint = typeof value === 'string' && rule.known ? didYouMean(value, rule.known) : '';
    throw new VggError('argument', `${key} must be ${rule.expected}, got ${inMessage(value)}${hint}`);
  }
  return Object.freeze(resolved) as ResolvedVggOptions<C>;
}
