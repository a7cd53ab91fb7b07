/** Kernels of this project's backends that TF.js does not know. Each computes in one pass what is otherwise several operations. */
import { engine, getKernel, type NamedAttrMap, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

export type BackendKernel = 'LendNumbers' | 'MomentumSgd' | 'SoftmaxCrossEntropy' | 'SumOfSquares';

/** Runs a kernel and returns its outputs. */
type Run = (inputs: NamedTensorMap, attributes?: object) => Tensor[];

/** Returns the kernel of the current backend, or undefined if it has none of this name. */
export function backendKernel(name: BackendKernel): Run | undefined {
  if (getKernel(name, engine().backendName) === undefined) return undefined;
  return (inputs, attributes = {}) => [engine().runKernel(name, inputs, attributes as NamedAttrMap)].flat();
}
