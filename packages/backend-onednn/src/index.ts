/**
 * The TF.js backend `onednn` for Node. Importing this registers it, its kernels and, in plain Node, TF.js's gradients;
 * then `tf.setBackend('onednn')`. The import throws a `VggError` `VGG_BACKEND` if no binary runs here.
 */
import type { Fallback } from './fallbacks';
import { loadNative } from './load';
import type { KernelTime } from './native';
import { type OnednnOptions, type Precision, setOptions } from './options';
import { currentBackend, register } from './register';

const native = loadNative();
register(native);

/** Version of the oneDNN library in use, for example '2.6.3'. */
export const oneDnnVersion: string = native.version;

export type { Fallback } from './fallbacks';
export type { KernelTime } from './native';
export type { OnednnOptions, Precision } from './options';
export { physicalCores } from './threads';

/**
 * Sets options for the backend that the next `tf.setBackend('onednn')` creates.
 * @throws VggError `VGG_ARGUMENT` for an unknown option, a value out of range or a precision that the processor lacks,
 *   `VGG_STATE` if the backend is already in use.
 */
export function configure(options: OnednnOptions): void {
  setOptions(options, native);
}

/** Returns the precision of the backend, or `undefined` if another backend is in use. */
export function precision(): Precision | undefined {
  return currentBackend()?.precision;
}

/** Returns the calls that ran on TF.js's slow CPU kernels, by kernel. Empty if another backend is in use. */
export function fallbacks(): ReadonlyMap<string, Fallback> {
  return new Map(currentBackend()?.fallbacks.kernels);
}

/** Resets the counts of {@link fallbacks}. */
export function clearFallbacks(): void {
  currentBackend()?.fallbacks.clear();
}

/** Starts measuring operations from zero, or stops measuring. Measuring takes a few microseconds per operation. */
export function profile(on: boolean): void {
  currentBackend()?.device.profile(on);
}

/** Returns the time of each operation since {@link profile}, by kernel and shapes. Waits for queued operations. */
export function kernelTimes(): readonly KernelTime[] {
  return currentBackend()?.device.times() ?? [];
}

/** Waits until everything queued has run. */
export function drain(): void {
  currentBackend()?.device.drain();
}

/** Returns memory that is held for reuse to the system. */
export function trim(): void {
  currentBackend()?.device.trim();
}
