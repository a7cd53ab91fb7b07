/** The entry to WebGPU: the browser's `navigator.gpu`, or Dawn for Node (the package `webgpu`, an optional peer). */
import { VggError } from '@vgg/core';
import { variable } from './options';

/** The part of the package `webgpu` that is used. */
interface Dawn {
  create(options: readonly string[]): GPU;
  globals: object;
}

/** Dawn ends a process that uses a GPU whose entry object was collected, so that each is kept here. */
const KEPT = Symbol.for('@vgg/backend-webgpu/kept');
const kept = globalThis as { [KEPT]?: GPU[] };

/** The experimental matrix operations need the first; without the second, times are rounded to 0.1 ms. */
const DAWN_OPTIONS = ['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization'];

/** Not a literal, so that no bundler tries to resolve what may not be installed. */
const PACKAGE = 'webgpu';

export const inNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

async function loadDawn(): Promise<Dawn> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ PACKAGE)) as Dawn;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const reason = missing ? 'it is not installed' : (cause as Error).message.split('\n', 1)[0];
    throw new VggError('backend', `webgpu in Node needs the package "webgpu": ${reason}; npm install webgpu`, {
      cause,
    });
  }
}

/** Folders where Linux systems keep libraries, in addition to LD_LIBRARY_PATH. */
const LIBRARIES = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].flatMap((folder) => [
  folder,
  ...['x86_64', 'aarch64'].map((processor) => `${folder}/${processor}-linux-gnu`),
]);

/** Throws where Dawn would find no driver: it would write that to stderr, in every run of a program that only asks. */
function checkDriver(): void {
  if (process.platform !== 'linux' || variable('VGG_WEBGPU_DAWN') !== undefined) return;
  const { existsSync } = process.getBuiltinModule('node:fs');
  const folders = [...(variable('LD_LIBRARY_PATH')?.split(':') ?? []), ...LIBRARIES];
  if (folders.some((folder) => existsSync(`${folder}/libvulkan.so.1`))) return;
  throw new VggError(
    'backend',
    'WebGPU finds no GPU here: there is no libvulkan.so.1; install the Vulkan driver of the GPU',
  );
}

/** Names of the adapters that Dawn finds, in its order. It names them only in the error for one that does not exist. */
async function dawnAdapters(dawn: Dawn): Promise<string[]> {
  try {
    await dawn.create(['adapter=\u0000none']).requestAdapter();
    return [];
  } catch (error) {
    return [...(error as Error).message.matchAll(/name: '(.*)'$/gm)].map(([, name]) => name!);
  }
}

/** Names of the GPUs of this machine, in the order of their numbers. Empty in a browser, which names none. */
export async function adapterNames(): Promise<string[]> {
  if (!inNode) return [];
  checkDriver();
  return dawnAdapters(await loadDawn());
}

/** Returns the entry to WebGPU; in Node one that sees a single adapter if its name is given. */
export async function openGpu(adapterName?: string): Promise<GPU> {
  if (!inNode) {
    if (globalThis.navigator?.gpu === undefined) {
      throw new VggError('backend', 'this browser has no WebGPU: use another engine, or a newer browser');
    }
    return navigator.gpu;
  }
  checkDriver();
  const dawn = await loadDawn();
  const extra = variable('VGG_WEBGPU_DAWN')?.split(' ') ?? [];
  const gpu = dawn.create([
    ...DAWN_OPTIONS,
    ...extra,
    ...(adapterName === undefined ? [] : [`adapter=${adapterName}`]),
  ]);
  kept[KEPT] = [...(kept[KEPT] ?? []), gpu];
  // TF.js's backend looks for these.
  Object.assign(globalThis, dawn.globals);
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true, writable: true });
  }
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true, writable: true });
  return gpu;
}
