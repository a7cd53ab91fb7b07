/** The number of threads of the backend. */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { engine } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { canThread, threadsOf, useThreads } from './module';
import { canShareMemory } from './shared-memory';
import { coresHere } from './worker-thread';

/** Largest number of threads. */
const MOST = 64;

/** Largest number of threads that start without being asked for. */
const MOST_BY_DEFAULT = 4;

let wanted: number | undefined;

/** Returns the number of threads that the next backend starts. Default: the number of cores, up to 4. */
export function wantedThreads(): number {
  return canShareMemory() ? (wanted ?? Math.min(coresHere(), MOST_BY_DEFAULT)) : 1;
}

function current(): BackendWasm | undefined {
  return engine().registry.wasm as BackendWasm | undefined;
}

/**
 * Sets the number of threads of this package's kernels. Where memory cannot be shared (pages that are not cross-origin isolated) it
 * stays at one. Results do not depend on it.
 * @param count Number of threads, 1 to 64. Without a call, the number of cores up to 4.
 * @returns The number of threads that work, once the backend has started; before that, the number that it will try to start.
 * @throws VggError `VGG_ARGUMENT` when `count` is not such a number.
 * @throws VggError `VGG_STATE` when the backend has started with one thread: its memory cannot be shared afterwards.
 */
export async function setThreads(count: number): Promise<number> {
  if (!Number.isInteger(count) || count < 1 || count > MOST) {
    throw new VggError('argument', `setThreads takes a whole number from 1 to ${MOST}, got ${count}`);
  }
  wanted = count;
  const backend = current();
  if (backend === undefined) return wantedThreads();
  if (canThread(backend)) await useThreads(backend, count);
  else if (wantedThreads() > 1) {
    throw new VggError('state', 'the WASM backend has started with one thread: call setThreads before tf.setBackend');
  }
  return threads();
}

/** Returns the number of threads that work now: 1 before the backend has started. */
export function threads(): number {
  const backend = current();
  return backend === undefined ? 1 : threadsOf(backend);
}
