/**
 * The TF.js backend `webgpu` for Node and browsers. Importing this registers it, its kernels and TF.js's gradients in place
 * of the stock backend of that name; then `await tf.setBackend('webgpu')`.
 */
import { adapterNames } from './gpu';
import { type Precision, setOptions, type WebgpuOptions } from './options';
import type { KernelTime } from './profiler';
import { currentBackend, register } from './register';
import type { MatrixUnit } from './wgsl/matrices';

register();

export type { Precision, WebgpuOptions } from './options';
export type { KernelTime } from './profiler';

/**
 * Sets options for the backend that the next `tf.setBackend('webgpu')` makes.
 * @throws VggError `VGG_ARGUMENT` for an unknown option or a value out of range, `VGG_STATE` when the backend is in use.
 */
export function configure(options: WebgpuOptions): void {
  setOptions(options);
}

/**
 * Names of the GPUs of this machine, in the order of their numbers. Empty in a browser, which names none.
 * @throws VggError `VGG_BACKEND` in Node without the package `webgpu`.
 */
export function adapters(): Promise<string[]> {
  return adapterNames();
}

export interface DeviceDescription {
  /** Name of the adapter. */
  name: string;
  /** True if it computes on the CPU. */
  software: boolean;
  /** Number type of stored activations: float32 on a device without float16, even if float16 was requested. */
  precision: Precision;
  /** Rows, columns and terms of the matrices that tensor cores multiply in products, or why products do without them. */
  tensorCores: { m: number; n: number; k: number } | { reason: string };
  /** Largest number of bytes of one tensor in one operation of the stock kernels. */
  bindingLimit: number;
}

const sizeOf = ({ m, n, k }: MatrixUnit) => ({ m, n, k });

/** The device in use; undefined when another backend is in use. */
export function device(): DeviceDescription | undefined {
  const backend = currentBackend();
  if (backend === undefined) return undefined;
  const { name, software, precision, tensorCores, bindingLimit } = backend;
  return {
    name,
    software,
    precision,
    tensorCores: 'unit' in tensorCores ? sizeOf(tensorCores.unit) : tensorCores,
    bindingLimit,
  };
}

/** Starts measuring our own kernels from zero, or stops. Needs a device with timestamps. */
export function profile(on: boolean): void {
  currentBackend()?.runner.profiler.start(on);
}

/** Times of kernels since {@link profile}, by kernel and shapes, the longest first. */
export async function kernelTimes(): Promise<readonly KernelTime[]> {
  return (await currentBackend()?.runner.profiler.times()) ?? [];
}

/** Waits until everything recorded has run. @throws VggError `VGG_BACKEND` for an error of the device. */
export async function drain(): Promise<void> {
  const backend = currentBackend();
  if (backend === undefined) return;
  backend.runner.submit();
  await backend.device.queue.onSubmittedWorkDone();
  await backend.errors.settle();
}

/** Frees GPU memory that is kept for reuse. */
export function trim(): void {
  currentBackend()?.trim();
}
