/** Activations of fused kernels: ReLU is part of the native kernel, any other runs after it. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { OnednnBackend } from '../backend';
import { runKernel } from './kernel';

export interface FusedAttributes {
  activation: string;
  leakyreluAlpha?: number;
}

const KERNELS: Readonly<Record<string, string>> = {
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
};

/** Splits an activation into the part to fuse (ReLU) and the kernel to run after the native one, if any. */
export function nativeActivation(activation: string): { relu: boolean; kernel: string | undefined } {
  return { relu: activation === 'relu', kernel: KERNELS[activation] };
}

/** Runs the activation on `y` and disposes `y`. */
export function activate(
  kernel: string,
  backend: OnednnBackend,
  y: TensorInfo,
  { leakyreluAlpha }: FusedAttributes,
  preluWeights: TensorInfo | undefined,
): TensorInfo {
  const inputs: Record<string, TensorInfo> =
    kernel === 'Prelu' && preluWeights !== undefined ? { x: y, alpha: preluWeights } : { x: y };
  const result = runKernel(kernel, backend, inputs, { alpha: leakyreluAlpha });
  backend.disposeIntermediateTensorInfo(y);
  return result;
}
