/** The backend of TF.js on which a net is created. */
import { engine, ready } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/**
 * Waits until a backend of TF.js can be used.
 * @throws VggError `VGG_BACKEND` when no backend is registered.
 */
export async function readyBackend(): Promise<void> {
  checkBackend();
  await ready();
}

/** @throws VggError `VGG_BACKEND` when no backend is registered. */
export function checkBackend(): void {
  if (Object.keys(engine().registryFactory).length > 0) return;
  throw new VggError(
    'backend',
    "no backend of TF.js is registered: import one first, such as '@vgg/backend-onednn', '@vgg/backend-wasm' or '@tensorflow/tfjs-backend-cpu'",
  );
}
