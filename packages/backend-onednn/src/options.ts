/** Options of the backend: given by call before its first use, or by environment variables. */
import { totalmem } from 'node:os';
import { engine } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';
import type { NativeOptions } from './native';
import { physicalCores } from './threads';

const PRECISIONS = ['float32', 'bfloat16', 'bfloat16-fast'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface OnednnOptions {
  /** Threads that compute, 1 to 1024. Default: the physical cores given to the process. VGG_ONEDNN_THREADS. */
  threads?: number;
  /** The most bytes of native memory. Default: 90 % of what the process may use. VGG_ONEDNN_MEMORY. */
  memoryLimit?: number;
  /**
   * What convolutions and matrix products multiply in; they add up, and tensors are kept, in float32. Default: bfloat16 on a
   * processor with AMX, else float32. `bfloat16-fast` is bfloat16 whose convolutions are off by up to 1 % of their result's
   * deviation, in place of 0.3 %, where gradients are asked for: without AMX a training step is a quarter shorter by it.
   * VGG_ONEDNN_PRECISION.
   */
  precision?: Precision;
  /** Wait for each operation, so that an error is thrown by the call that caused it. VGG_ONEDNN_SYNCHRONOUS=1. */
  synchronous?: boolean;
  /** Fill fresh memory with NaN, so that a kernel that leaves some unwritten is seen. VGG_ONEDNN_POISON=1. */
  poison?: boolean;
}

/** Primitives kept: a training step of net E takes about 150. */
const CACHE_LIMIT = 512;

const MAX_THREADS = 1024;

const RULES: Readonly<Record<keyof OnednnOptions, { expected: string; accepts(value: unknown): boolean }>> = {
  threads: {
    expected: `an integer from 1 to ${MAX_THREADS}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_THREADS,
  },
  memoryLimit: {
    expected: 'a number of bytes from 1 MiB on',
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 2 ** 20,
  },
  precision: {
    expected: 'one of float32, bfloat16 and bfloat16-fast',
    accepts: (value) => PRECISIONS.includes(value as Precision),
  },
  synchronous: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  poison: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
};

/** One for all copies of this package in a program (ESM beside CommonJS): the first one loaded makes the backend. */
const SHARED = Symbol.for('@vgg/backend-onednn/options');
const shared = globalThis as { [SHARED]?: OnednnOptions };

/** What the processor multiplies in bfloat16 by, if by anything. */
export interface Processor {
  bf16: boolean;
  amx: boolean;
}

/** Keeps options for the backend that the next `tf.setBackend('onednn')` makes; throws as `configure` of src/index.ts does. */
export function setOptions(options: OnednnOptions, processor: Processor): void {
  if ('onednn' in engine().registry) {
    throw new VggError(
      'state',
      'options of onednn were given after its first use: call configure before tf.setBackend',
    );
  }
  const all = checked({ ...shared[SHARED], ...options });
  checkPrecision(all.precision, processor);
  shared[SHARED] = all;
}

function checkPrecision(precision: Precision = 'float32', { bf16 }: Processor): void {
  if (precision !== 'float32' && !bf16) {
    throw new VggError('argument', `the precision ${precision} needs a processor with AVX512_BF16 or AMX: use float32`);
  }
}

function checked(options: OnednnOptions): OnednnOptions {
  for (const [name, value] of Object.entries(options)) {
    const rule = RULES[name as keyof OnednnOptions];
    if (rule === undefined) {
      throw new VggError('argument', `unknown option "${name}" of onednn${didYouMean(name, Object.keys(RULES))}`);
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw new VggError('argument', `${name} of onednn must be ${rule.expected}, got ${String(value)}`);
    }
  }
  return options;
}

function number(name: string): number | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
}

function flag(name: string): boolean | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : text !== '0';
}

/** Memory that the process may use, in bytes. */
function usableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/**
 * The options in force: of {@link setOptions}, else of the environment, else defaults.
 * @throws VggError `VGG_ARGUMENT` for an environment variable out of range, or bfloat16 where the processor lacks it.
 */
export function resolveOptions(processor: Processor): NativeOptions {
  const environment = {
    threads: number('VGG_ONEDNN_THREADS'),
    memoryLimit: number('VGG_ONEDNN_MEMORY'),
    precision: process.env.VGG_ONEDNN_PRECISION || undefined,
    synchronous: flag('VGG_ONEDNN_SYNCHRONOUS'),
    poison: flag('VGG_ONEDNN_POISON'),
  };
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined));
  const options: OnednnOptions = { ...checked(given), ...shared[SHARED] };
  const precision = options.precision ?? (processor.amx ? 'bfloat16' : 'float32');
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
