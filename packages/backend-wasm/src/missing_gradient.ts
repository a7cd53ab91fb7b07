/** Stands in for tfjs-core's `registerGradient` where the build bundles its gradient functions. */
import { type GradConfig, getGradient, registerGradient as register } from '@tensorflow/tfjs-core';

/** Registers a gradient unless its kernel has one: a bundler's tfjs-core brings them all, Node's brings none. */
export function registerGradient(config: GradConfig): void {
  if (getGradient(config.kernelName) === undefined) register(config);
}
