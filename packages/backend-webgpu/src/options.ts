/** Options of the backend: set by call before its first use, or by environment variables in Node. */
import { engine } from '@tensorflow/tfjs-core';
import { didYouMean, VggError } from '@vgg/core';

const PRECISIONS = ['float32', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface WebgpuOptions {
  /**
   * GPU to use, by its number in {@link adapters} or by a part of its name. Default: the fastest one, as the system says.
   * Node only. VGG_WEBGPU_ADAPTER.
   */
  adapter?: number | string | undefined;
  /**
   * Number type of stored activations. `float16` halves their memory; products
   * are added up in float32, and weights stay float32. Default float32. VGG_WEBGPU_PRECISION.
   */
  precision?: Precision | undefined;
  /**
   * Use tensor cores with `float16`: factors of products are rounded to float16, and added up in float32. Default: on GPUs that
   * have them. `true` uses those of an adapter on the CPU, too. VGG_WEBGPU_TENSOR_CORES=0 or 1.
   */
  tensorCores?: boolean | undefined;
  /** Accept an adapter that computes on the CPU. Default false. VGG_WEBGPU_SOFTWARE=1. */
  software?: boolean | undefined;
}

const RULES: Readonly<Record<keyof WebgpuOptions, { expected: string; accepts(value: unknown): boolean }>> = {
  adapter: {
    expected: 'an adapter number from 0 or a part of a name',
    accepts: (value) => (Number.isInteger(value) && Number(value) >= 0) || (typeof value === 'string' && value !== ''),
  },
  precision: {
    expected: 'float32 or float16',
    accepts: (value) => PRECISIONS.includes(value as Precision),
  },
  tensorCores: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  software: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
};

/** Shared by all copies of this package in a program (ESM and CommonJS): the first one loaded makes the backend. */
const SHARED = Symbol.for('@vgg/backend-webgpu/options');
const shared = globalThis as { [SHARED]?: WebgpuOptions };

/** Keeps options for the backend that the next `tf.setBackend('webgpu')` makes; throws as `configure` does. */
export function setOptions(options: WebgpuOptions): void {
  if ('webgpu' in engine().registry) {
    throw new VggError('state', 'options of webgpu were set after its first use: call configure before tf.setBackend');
  }
  shared[SHARED] = { ...shared[SHARED], ...checked(options) };
}

function checked(options: WebgpuOptions): WebgpuOptions {
  for (const [name, value] of Object.entries(options)) {
    const rule = RULES[name as keyof WebgpuOptions];
    if (rule === undefined) {
      throw new VggError('argument', `unknown option "${name}" of webgpu${didYouMean(name, Object.keys(RULES))}`);
    }
    if (value !== undefined && !rule.accepts(value)) {
      throw new VggError('argument', `${name} of webgpu must be ${rule.expected}, got ${String(value)}`);
    }
  }
  return options;
}

/** An environment variable; undefined in a browser and when it is empty. */
export function variable(name: string): string | undefined {
  return (typeof process === 'undefined' ? undefined : process.env?.[name]) || undefined;
}

/** True or false of an environment variable, if it is set. */
function flag(name: string): boolean | undefined {
  const value = variable(name);
  return value === undefined ? undefined : value !== '0';
}

/**
 * Returns the options in force: of {@link setOptions}, else of the environment, else defaults.
 * @throws VggError `VGG_ARGUMENT` for an environment variable out of range.
 */
export function resolveOptions(): WebgpuOptions & { precision: Precision; software: boolean } {
  const adapter = variable('VGG_WEBGPU_ADAPTER');
  const environment = checked({
    adapter: adapter !== undefined && /^\d+$/.test(adapter) ? Number(adapter) : adapter,
    precision: variable('VGG_WEBGPU_PRECISION') as Precision | undefined,
    tensorCores: flag('VGG_WEBGPU_TENSOR_CORES'),
    software: flag('VGG_WEBGPU_SOFTWARE'),
  });
  const given = shared[SHARED];
  return {
    adapter: given?.adapter ?? environment.adapter,
    precision: given?.precision ?? environment.precision ?? 'float32',
    tensorCores: given?.tensorCores ?? environment.tensorCores,
    software: given?.software ?? environment.software ?? false,
  };
}
