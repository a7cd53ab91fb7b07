/**
 * The TF.js backend `onednn` for Node. Importing this registers it, its kernels and, in plain Node, TF.js's gradients; then
 * `tf.setBackend('onednn')`. The import throws a `VggError` `VGG_BACKEND` where there is no binary that runs.
 */
import type { Fallback } from './fallbacks';
import { loadNative } from './load';
import type { KernelTime } from './native';
import { type OnednnOptions, type Precision, setOptions } from './options';
import { currentBackend, register } from './register';

const native = loadNative();
register(native);

/** The version of the oneDNN library in use: '2.6.3'. */
export const oneDnnVersion: string = native.version;

export type { Fallback } from './fallbacks';
export type { KernelTime } from './native';
export type { OnednnOptions, Precision } from './options';
export { physicalCores } from './threads';

/**
 * Sets options for the backend that the next `tf.setBackend('onednn')` makes.
 * @throws VggError `VGG_ARGUMENT` for an unknown option, a value out of range or a precision that the processor lacks,
 *   `VGG_STATE` when the backend is in use already.
 */
export function configure(options: OnednnOptions): void {
  setOptions(options, native);
}

/** What the backend in use multiplies in; `undefined` when another backend is in use. */
export function precision(): Precision | undefined {
  return currentBackend()?.precision;
}

/** What ran on TF.js's slow CPU kernels, by kernel; empty when another backend is in use. */
export function fallbacks(): ReadonlyMap<string, Fallback> {
  return new Map(currentBackend()?.fallbacks.kernels);
}

/** Starts counting {@link fallbacks} anew. */
export function clearFallbacks(): void {
  currentBackend()?.fallbacks.clear();
}

/** Starts measuring operations anew, or stops; a few microseconds each. */
export function profile(on: boolean): void {
  currentBackend()?.device.profile(on);
}

/** What operations have taken since {@link profile}, by kind and shapes; waits for those that are queued. */
export function kernelTimes(): readonly KernelTime[] {
  return currentBackend()?.device.times() ?? [];
}

/** Waits until everything queued has run. */
export function drain(): void {
  currentBackend()?.device.drain();
}

/** Returns memory that is kept for reuse to the system. */
export function trim(): void {
  currentBackend()?.device.trim();
}
