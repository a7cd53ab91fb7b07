/**
 * Kernels that this project's backends have, each some of them, and TF.js does not know. Each computes in one pass over memory what
 * this package otherwise composes of several operations.
 */
import { engine, getKernel, type NamedAttrMap, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

export type BackendKernel = 'ChannelMoments' | 'ChannelNorm' | 'ChannelNormGrad' | 'AddressedDropout' | 'ReluGrad';

/** Runs a kernel and returns its outputs. It has no gradient, so no tensor is kept for one. */
type Run = (inputs: NamedTensorMap, attributes?: object) => Tensor[];

/** Returns the kernel of the current backend, or undefined if it has none of this name. */
export function backendKernel(name: BackendKernel): Run | undefined {
  if (getKernel(name, engine().backendName) === undefined) return undefined;
  return (inputs, attributes = {}) => [engine().runKernel(name, inputs, attributes as NamedAttrMap)].flat();
}
