/** Gradients of tfjs-core for packages that also run where tfjs-core registers none (docs/decisions/0040). */
import { getGradient, registerGradient } from '@tensorflow/tfjs-core';
import { GRADIENTS } from './gradient-list';

/** Registers the gradients of tfjs-core that are missing: with a bundler none is missing, in plain Node all are. */
export function registerMissingGradients(): void {
  for (const gradient of GRADIENTS) {
    if (getGradient(gradient.kernelName) === undefined) registerGradient(gradient);
  }
}
