/** tfjs-core's gradients for packages that run where it registers none (docs/decisions/0040). */
import { getGradient, registerGradient } from '@tensorflow/tfjs-core';
import { GRADIENTS } from './gradient-list';

/** Registers each gradient of tfjs-core whose kernel has none: a bundler's tfjs-core brings them all, plain Node's none. */
export function registerMissingGradients(): void {
  for (const gradient of GRADIENTS) {
    if (getGradient(gradient.kernelName) === undefined) registerGradient(gradient);
  }
}
