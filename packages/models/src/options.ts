/** Options of a net: the column of Table 1 (section 2.2) or a table, and its variations. All of them are checked here. */
import { didYouMean, VggError } from '@vgg/core';
import { poolings, tableFault } from './stages';
import { CONFIGURATION_NAMES, type Configuration, HEADS, type HeadName, type VggTable } from './table';

export interface VggOptions<C extends Configuration = Configuration> {
  /** Column of Table 1, or a table of convolutions and max-pools: `[64, 'pool', 128, 'pool']`. */
  configuration: C;
  /** Batch normalisation between each convolution and its ReLU. Not in the paper, which precedes it. Default false. */
  batchNorm?: boolean | undefined;
  /** Number of classes, at least 1; always 0 with head `none`. Default 1000. */
  classes?: number | undefined;
  /**
   * Side of the square training crop in pixels, or its height and width: integers of at least 32, with a table of n
   * max-pools of at least 2^n. The last feature map of a net of the paper has the sides floor(side / 32). Default 224.
   */
  inputSize?: number | readonly [height: number, width: number] | undefined;
  /** Number of channels of the images. Default 3, RGB. */
  channels?: number | undefined;
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

/**
 * Options with every default filled in: plain JSON, to be saved with the weights. A square input has one number as its
 * size, and images with 3 channels have no `channels`: {@link inputShape} returns all three numbers.
 */
export type ResolvedVggOptions<C extends Configuration = Configuration> = {
  readonly [K in Exclude<keyof VggOptions<C>, 'channels'>]-?: Exclude<VggOptions<C>[K], undefined>;
} & { readonly channels?: number | undefined };

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

const RULES: Readonly<Record<Exclude<keyof VggOptions, 'configuration' | 'inputSize'>, Rule>> = {
  batchNorm: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  classes: integerFrom(1),
  channels: integerFrom(1),
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

const KNOWN = ['configuration', 'inputSize', ...Object.keys(RULES)];

/** Returns a value as an error message shows it: short. */
function inMessage(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? 'an array' : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function refuse(key: string, { expected, known }: Omit<Rule, 'accepts'>, value: unknown): VggError {
  const hint = typeof value === 'string' && known ? didYouMean(value, known) : '';
  return new VggError('argument', `${key} must be ${expected}, got ${inMessage(value)}${hint}`);
}

/** Columns of Table 1 by the number of layers with weights, as other projects call these nets: VGG-16 is D. */
const BY_DEPTH: Readonly<Record<string, string>> = { 11: 'A', 13: 'B', 16: 'D', 19: 'E' };

function checkConfiguration(value: unknown): asserts value is Configuration {
  if (Array.isArray(value)) {
    const fault = tableFault(value);
    if (fault !== undefined) throw new VggError('argument', `configuration: ${fault}`);
    return;
  }
  const rule = oneOf(CONFIGURATION_NAMES);
  if (rule.accepts(value)) return;
  const [, depth, batchNorm] = /^vgg[-_ ]?(11|13|16|19)([-_ ]?bn)?$/i.exec(String(value)) ?? [];
  if (depth === undefined) throw refuse('configuration', rule, value);
  const column = `${BY_DEPTH[depth]}${batchNorm ? ' with batchNorm: true' : ''}`;
  throw new VggError(
    'argument',
    `configuration must be ${rule.expected}, got ${inMessage(value)}: VGG-${depth} is ${column}`,
  );
}

/** Returns the sides of the input: one number if they are equal. */
function checkedInputSize(value: unknown, configuration: Configuration): ResolvedVggOptions['inputSize'] {
  const side = integerFrom(2 ** poolings(configuration));
  if (!Array.isArray(value)) {
    if (side.accepts(value)) return value as number;
    throw refuse('inputSize', side, value);
  }
  const [height, width] = value as readonly number[];
  if (value.length !== 2 || !value.every(side.accepts)) {
    const least = 2 ** poolings(configuration);
    throw new VggError(
      'argument',
      `inputSize must be [height, width] of integers of at least ${least}, got [${String(value).slice(0, 60)}]`,
    );
  }
  return height === width ? height! : Object.freeze([height!, width!] as const);
}

/** Returns a copy of a table that cannot be changed. */
function frozenTable(table: VggTable): VggTable {
  return Object.freeze(table.map((entry) => (typeof entry === 'object' ? Object.freeze({ ...entry }) : entry)));
}

/**
 * Checks options and fills in the defaults, also for options that are `undefined`.
 *
 * @throws VggError `VGG_ARGUMENT` for an unknown option or configuration, naming the nearest known one, and for a value
 *   out of range.
 */
export function resolveOptions<const C extends Configuration>(options: VggOptions<C>): ResolvedVggOptions<C> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new VggError('argument', `expected the options of a net as an object, got ${inMessage(options)}`);
  }
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) {
    throw new VggError(
      'argument',
      `unknown option ${inMessage(unknown)} of a net${didYouMean(unknown, KNOWN)}; known are ${KNOWN.join(', ')}`,
    );
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved: Record<string, unknown> = { configuration: undefined, ...DEFAULTS, ...given };
  const { configuration, channels = 3 } = resolved;
  checkConfiguration(configuration);
  if (typeof configuration !== 'string') resolved.configuration = frozenTable(configuration);
  resolved.inputSize = checkedInputSize(resolved.inputSize, configuration);
  if (resolved.head === 'none') resolved.classes = 0;
  for (const [key, rule] of Object.entries(RULES)) {
    const value = key === 'channels' ? channels : resolved[key];
    if (key === 'classes' && resolved.head === 'none') continue;
    if (!rule.accepts(value)) throw refuse(key, rule, value);
  }
  if (channels === 3) delete resolved.channels;
  return Object.freeze(resolved) as ResolvedVggOptions<C>;
}

/** Returns the shape of an image at the input of a net. */
export function inputShape({
  inputSize = DEFAULTS.inputSize,
  channels = 3,
}: Pick<VggOptions, 'inputSize' | 'channels'>): [height: number, width: number, channels: number] {
  const [height, width] = typeof inputSize === 'number' ? [inputSize, inputSize] : inputSize;
  return [height, width, channels];
}
