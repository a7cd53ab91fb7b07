/**
 * Engines: TF.js backends by name. `auto` tries them from the fastest on, and the result states which one is used and why the
 * faster ones do not work here.
 */
import * as tf from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** Engines that `auto` tries, fastest first. */
const AUTOMATIC = ['webgpu', 'onednn', 'tensorflow', 'wasm', 'cpu'] as const;
/** Engines that fix a precision: by default WebGPU and oneDNN compute in float32. */
const BY_PRECISION = ['webgpu-f16', 'onednn-float32', 'onednn-bfloat16', 'onednn-bfloat16-fast'] as const;
/** Names of all engines. */
export const ENGINE_NAMES = [...AUTOMATIC, ...BY_PRECISION] as const;
/** Name of an engine. */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** Engine that was started. */
export interface Engine {
  name: EngineName;
  /** Description for people, such as `WebAssembly SIMD, 1 thread`. */
  description: string;
  /** Reasons why faster engines were not used, one clause each. */
  notUsed: readonly string[];
}

/** Imports a package that may not be installed. The name is not a literal, so that bundlers do not try to resolve it. */
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

/** Silences the console during a load: tfjs-node prints a greeting, which must not mix with results and progress. */
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

/** Largest Node that the binaries of tfjs-node 4.22 work with: it calls functions that Node 23 removed. */
const NEWEST_NODE_OF_TENSORFLOW = 22;

/** Runs a convolution on the backend and compares it with the sum that it stands for. */
async function prove(): Promise<void> {
  const [x, filter] = [
    Float32Array.from({ length: 75 }, (_, i) => Math.sin(i)),
    Float32Array.from({ length: 54 }, (_, i) => Math.cos(i)),
  ];
  const result = tf.tidy(() => tf.conv2d(tf.tensor4d(x, [1, 5, 5, 3]), tf.tensor4d(filter, [3, 3, 3, 2]), 1, 'valid'));
  const values = await result.data();
  result.dispose();
  for (const [i, value] of values.entries()) {
    const [row, column, channel] = [Math.floor(i / 6), Math.floor(i / 2) % 3, i % 2];
    let sum = 0;
    for (let k = 0; k < 27; k++) {
      const [ky, kx, c] = [Math.floor(k / 9), Math.floor(k / 3) % 3, k % 3];
      sum += x[((row + ky) * 5 + column + kx) * 3 + c]! * filter[k * 2 + channel]!;
    }
    // float16 has 11 bits.
    if (!(Math.abs(value - sum) < 0.01)) throw new Error(`a convolution gave ${value} in place of ${sum}`);
  }
}

async function startWebgpu(precision: 'float32' | 'float16', gpu: string | undefined): Promise<string> {
  const { configure, device } = (await importOptional('@vgg/backend-webgpu')) as Webgpu;
  const adapter = gpu !== undefined && /^\d+$/.test(gpu) ? Number(gpu) : gpu;
  if (!('webgpu' in tf.engine().registry)) configure({ precision, adapter });
  // setBackend would log why a backend does not start, and return false.
  tf.engine().registry.webgpu ??= (await tf.findBackendFactory('webgpu')()) as tf.KernelBackend;
  await activate('webgpu');
  await prove();
  const { name, precision: actual, tensorCores } = device()!;
  if (actual !== precision) throw new Error(`${name} computes in ${actual}`);
  const products = 'reason' in tensorCores ? '' : ' on tensor cores';
  return `WebGPU, ${name}, ${actual}${products}`;
}

/** The part of `@vgg/backend-webgpu` that is used here. */
interface Webgpu {
  configure(options: { precision: string; adapter: string | number | undefined }): void;
  device(): { name: string; precision: string; tensorCores: object } | undefined;
}

async function startTensorflow(): Promise<{ gpu: boolean }> {
  const node = Number(process.versions.node.split('.', 1)[0]);
  if (node > NEWEST_NODE_OF_TENSORFLOW)
    throw new Error(`it works up to Node ${NEWEST_NODE_OF_TENSORFLOW}, this is Node ${node}`);
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
  await prove();
  return { gpu: (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true };
}

async function startOnednn(requested?: 'float32' | 'bfloat16' | 'bfloat16-fast'): Promise<string> {
  const { configure, precision } = (await importOptional('@vgg/backend-onednn')) as Onednn;
  if (requested !== undefined && tf.getBackend() !== 'onednn') configure({ precision: requested });
  await activate('onednn');
  const actual = precision();
  if (requested !== undefined && actual !== requested) throw new Error(`it already computes in ${actual}`);
  return `oneDNN, native, ${actual}`;
}

/** The part of `@vgg/backend-onednn` that is used here. */
interface Onednn {
  configure(options: { precision: string }): void;
  precision(): string | undefined;
}

/** Starts an engine, one on a GPU on the one of that number or name. */
type Start = (gpu?: string) => Promise<string>;

/** Starts each engine: resolves to its description, rejects with the reason why it cannot run. */
const START: Readonly<Record<EngineName, Start>> = {
  webgpu: (gpu) => startWebgpu('float32', gpu),
  'webgpu-f16': (gpu) => startWebgpu('float16', gpu),
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

/** Starts the fastest engine: libtensorflow if it has a GPU, else in the order of {@link AUTOMATIC}. */
async function startBest(gpu: string | undefined): Promise<Engine> {
  const notUsed: string[] = [];
  let tensorflowOnCpu = false;
  try {
    const { gpu } = await startTensorflow();
    if (gpu) return { name: 'tensorflow', description: 'libtensorflow on the GPU', notUsed };
    tensorflowOnCpu = true;
  } catch (error) {
    notUsed.push(`tensorflow: ${firstLine(error)}`);
  }
  for (const name of AUTOMATIC) {
    if (name === 'tensorflow' && !tensorflowOnCpu) continue;
    try {
      return { name, description: await START[name](gpu), notUsed };
    } catch (error) {
      notUsed.push(`${name}: ${firstLine(error)}`);
    }
  }
  throw new VggError('backend', `no engine can run here (${notUsed.join('; ')})`);
}

/**
 * Starts an engine and makes it TF.js's backend. Those on a GPU first compute a convolution that is checked.
 * @param requested `auto` for the fastest that works: libtensorflow with a GPU, else WebGPU with a GPU, oneDNN, libtensorflow on
 *   the CPU, WASM, plain JavaScript.
 * @param gpu Number of a GPU or a part of its name, for engines on WebGPU. Default: the fastest GPU.
 * @throws VggError `VGG_BACKEND` when the requested engine, or with `auto` every engine, cannot run here.
 */
export async function startEngine(requested: EngineName | 'auto', gpu?: string): Promise<Engine> {
  tf.env().set('PROD', true);
  if (requested === 'auto') return startBest(gpu);
  try {
    return { name: requested, description: await START[requested](gpu), notUsed: [] };
  } catch (error) {
    throw new VggError('backend', `engine ${requested} cannot run here: ${firstLine(error)}; try engine auto`, {
      cause: error,
    });
  }
}

/** Returns a line for the log, such as `engine wasm (WebAssembly SIMD); not used: onednn: not installed`. */
export function describeEngine(engine: Engine): string {
  const others = engine.notUsed.length > 0 ? `; not used: ${engine.notUsed.join(', ')}` : '';
  return `engine ${engine.name} (${engine.description})${others}`;
}
