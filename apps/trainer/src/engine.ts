/**
 * Engines: which TF.js backend computes. `auto` takes the fastest that works here and says which it took and why; an engine
 * that cannot run answers with one clause, and the next is tried.
 */
import * as tf from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** The fastest first. */
const BEST = ['onednn', 'tensorflow', 'wasm', 'cpu'] as const;
/** With those that are asked for by name alone: oneDNN by itself takes bfloat16 only where the processor has AMX. */
export const ENGINE_NAMES = [...BEST, 'onednn-float32', 'onednn-bfloat16', 'onednn-bfloat16-fast'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

export interface Engine {
  name: EngineName;
  /** What it computes on, for people: `WebAssembly SIMD, 1 thread`. */
  description: string;
  /** Why the faster ones were not taken, each a clause. */
  passedOver: readonly string[];
}

/** Loads a package that may not be installed. The name is not a literal, so that nothing tries to bundle or resolve it. */
async function importOptional(packageName: string): Promise<unknown> {
  try {
    return await import(packageName);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_MODULE_NOT_FOUND' && String(error).includes(`'${packageName}'`)) {
      throw new Error('not installed');
    }
    throw error;
  }
}

async function activate(backend: string): Promise<void> {
  if (!(await tf.setBackend(backend))) throw new Error('its backend did not start');
  await tf.ready();
}

/** tfjs-node greets on the console while it loads; results and progress of ours must not be mixed with that. */
async function silenced<T>(load: () => Promise<T>): Promise<T> {
  const { warn, log, info, error } = console;
  const nothing = () => {};
  Object.assign(console, { warn: nothing, log: nothing, info: nothing, error: nothing });
  try {
    return await load();
  } finally {
    Object.assign(console, { warn, log, info, error });
  }
}

async function startTensorflow(): Promise<{ gpu: boolean }> {
  try {
    await silenced(() => importOptional('@tensorflow/tfjs-node-gpu'));
  } catch (error) {
    const message = firstLine(error);
    if (message === 'not installed') throw error;
    throw new Error(
      /tfjs_binding|napi|cannot open shared|Cannot find module/.test(String(error))
        ? 'its native library is not installed'
        : message,
    );
  }
  await activate('tensorflow');
  return { gpu: (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true };
}

async function startOnednn(asked?: 'float32' | 'bfloat16' | 'bfloat16-fast'): Promise<string> {
  const { configure, precision } = (await importOptional('@vgg/backend-onednn')) as Onednn;
  if (asked !== undefined && tf.getBackend() !== 'onednn') configure({ precision: asked });
  await activate('onednn');
  const taken = precision();
  if (asked !== undefined && taken !== asked) throw new Error(`it computes in ${taken} already`);
  return `oneDNN, native, ${taken}`;
}

/** What is used of the package `@vgg/backend-onednn`. */
interface Onednn {
  configure(options: { precision: string }): void;
  precision(): string | undefined;
}

type Start = () => Promise<string>;

/** How each engine starts; resolves to its description, rejects with the reason it cannot run. */
const START: Readonly<Record<EngineName, Start>> = {
  onednn: () => startOnednn(),
  'onednn-float32': () => startOnednn('float32'),
  'onednn-bfloat16': () => startOnednn('bfloat16'),
  'onednn-bfloat16-fast': () => startOnednn('bfloat16-fast'),
  tensorflow: async () => ((await startTensorflow()).gpu ? 'libtensorflow on the GPU' : 'libtensorflow on the CPU'),
  wasm: async () => {
    await import('@vgg/backend-wasm');
    await activate('wasm');
    return 'WebAssembly SIMD';
  },
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu');
    await activate('cpu');
    return 'plain JavaScript: slow, for checking only';
  },
};

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!.trim();
}

/** The order of `auto`: libtensorflow first where it has a GPU, else behind oneDNN. */
async function startBest(): Promise<Engine> {
  const passedOver: string[] = [];
  let tensorflowOnCpu = false;
  try {
    const { gpu } = await startTensorflow();
    if (gpu) return { name: 'tensorflow', description: 'libtensorflow on the GPU', passedOver };
    tensorflowOnCpu = true;
  } catch (error) {
    passedOver.push(`tensorflow: ${firstLine(error)}`);
  }
  for (const name of BEST) {
    if (name === 'tensorflow' && !tensorflowOnCpu) continue;
    try {
      return { name, description: await START[name](), passedOver };
    } catch (error) {
      passedOver.push(`${name}: ${firstLine(error)}`);
    }
  }
  throw new VggError('backend', `no engine can run here (${passedOver.join('; ')})`);
}

/**
 * Starts an engine and makes it TF.js's backend.
 * @throws VggError `VGG_BACKEND` when the engine asked for, or with `auto` every engine, cannot run here.
 */
export async function startEngine(requested: EngineName | 'auto'): Promise<Engine> {
  tf.env().set('PROD', true);
  if (requested === 'auto') return startBest();
  try {
    return { name: requested, description: await START[requested](), passedOver: [] };
  } catch (error) {
    throw new VggError('backend', `engine ${requested} cannot run here: ${firstLine(error)}; try --engine auto`, {
      cause: error,
    });
  }
}

/** One line for the log: `engine wasm (WebAssembly SIMD); passed over: onednn: not installed`. */
export function describeEngine(engine: Engine): string {
  const others = engine.passedOver.length > 0 ? `; passed over ${engine.passedOver.join(', ')}` : '';
  return `engine ${engine.name} (${engine.description})${others}`;
}
