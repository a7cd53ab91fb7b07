/** Options of the backend: set by a call before its first use, or by environment variables. */
import { totalmem } from 'node:os';
import { engine } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';
import type { NativeOptions } from './native';
import { physicalCores } from './threads';

const PRECISIONS = ['float32', 'bfloat16', 'bfloat16-fast'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface OnednnOptions {
  /** Number of compute threads, 1 to 1024. Default the physical cores that the process may use. VGG_ONEDNN_THREADS. */
  threads?: number | undefined;
  /**
   * Largest number of bytes of native memory, at least 1 MiB. Default 90 % of what the process may use.
   * VGG_ONEDNN_MEMORY.
   */
  memoryLimit?: number | undefined;
  /**
   * Type of activations and of factors. Sums and weights are float32. With `bfloat16`, activations are held as bfloat16,
   * and matrix products and direct convolutions multiply bfloat16; without AMX, most convolutions of a VGG go by
   * Winograd's method and multiply float32. With `bfloat16-fast`, these multiply bfloat16, too: they are off by up to 1 %
   * of their result's deviation instead of 0.3 %, and without AMX a training step takes 22 to 35 % less time than with
   * `bfloat16`, inference of a wide net up to 44 % less. Default `float32`, on every processor. VGG_ONEDNN_PRECISION.
   */
  precision?: Precision | undefined;
  /**
   * True to wait for each operation, so that the call that caused an error throws it. Default false.
   * VGG_ONEDNN_SYNCHRONOUS, 1 or true.
   */
  synchronous?: boolean | undefined;
  /**
   * True to fill fresh memory with NaN, which shows if a kernel leaves a part of its output unwritten. Default false.
   * VGG_ONEDNN_POISON, 1 or true.
   */
  poison?: boolean | undefined;
}

/** Largest number of cached primitives. A training step of configuration E needs about 150. */
const CACHE_LIMIT = 512;

const MAX_THREADS = 1024;

const RULES: Readonly<Record<keyof OnednnOptions, { expected: string; accepts(value: unknown): boolean }>> = {
  threads: {
    expected: `an integer from 1 to ${MAX_THREADS}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_THREADS,
  },
  memoryLimit: {
    expected: 'a number of bytes of at least 1 MiB',
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 2 ** 20,
  },
  precision: {
    expected: 'one of float32, bfloat16 and bfloat16-fast',
    accepts: (value) => PRECISIONS.includes(value as Precision),
  },
  synchronous: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  poison: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
};

/**
 * Key of the options that all copies of this package in a program share (ESM and CommonJS): one of them creates the
 * backend.
 */
const SHARED = Symbol.for('@vgg/backend-onednn/options');
const shared = globalThis as { [SHARED]?: OnednnOptions };

/** Instructions of the processor that multiply bfloat16. */
export interface Processor {
  bf16: boolean;
}

/** Stores options for the backend that the next `tf.setBackend('onednn')` creates. Throws the errors of `configure`. */
export function setOptions(options: OnednnOptions, processor: Processor): void {
  if ('onednn' in engine().registry) {
    throw new VggError(
      'state',
      'options of onednn were given after its first use: call configure before tf.setBackend',
    );
  }
  const all = { ...shared[SHARED], ...checkOptions(options) };
  checkPrecision(all.precision, processor);
  shared[SHARED] = all;
}

function checkPrecision(precision: Precision = 'float32', { bf16 }: Processor): void {
  if (precision !== 'float32' && !bf16) {
    throw new VggError('argument', `the precision ${precision} needs a processor with AVX512_BF16 or AMX: use float32`);
  }
}

/** Returns the options that are not undefined, checked. */
function checkOptions(options: object): OnednnOptions {
  for (const [name, value] of Object.entries(options)) {
    const rule = RULES[name as keyof OnednnOptions];
    if (rule === undefined) {
      throw new VggError('argument', `unknown option "${name}" of onednn${didYouMean(name, Object.keys(RULES))}`);
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw new VggError('argument', `${name} of onednn must be ${rule.expected}, got ${String(value)}`);
    }
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function number(name: string): number | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
}

const FLAGS: Readonly<Record<string, boolean | undefined>> = {
  '': undefined,
  '0': false,
  '1': true,
  false: false,
  true: true,
};

/** Returns other texts as they are, for {@link checkOptions} to refuse. */
function flag(name: string): boolean | string | undefined {
  const text = process.env[name] ?? '';
  return Object.hasOwn(FLAGS, text) ? FLAGS[text] : text;
}

/** Returns the memory that the process may use, in bytes. */
function usableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * Returns the options in force: those of {@link setOptions}, else those of the environment, else the defaults.
 * @throws VggError `VGG_ARGUMENT` for an environment variable out of range, or bfloat16 if the processor lacks it.
 */
export function resolveOptions(processor: Processor): NativeOptions {
  const environment = {
    threads: number('VGG_ONEDNN_THREADS'),
    memoryLimit: number('VGG_ONEDNN_MEMORY'),
    precision: process.env.VGG_ONEDNN_PRECISION || undefined,
    synchronous: flag('VGG_ONEDNN_SYNCHRONOUS'),
    poison: flag('VGG_ONEDNN_POISON'),
  };
  const options: OnednnOptions = { ...checkOptions(environment), ...shared[SHARED] };
  const precision = options.precision ?? 'float32';
  checkPrecision(precision, processor);
  return {
    threads: options.threads ?? physicalCores(),
    memoryLimit: options.memoryLimit ?? Math.floor(usableMemory() * 0.9),
    cacheLimit: CACHE_LIMIT,
    poison: options.poison ?? false,
    synchronous: options.synchronous ?? false,
    precision,
  };
}
