/** Gradients of TF.js that the last layers of a net need: in Node, tfjs-core registers none (decision 0040). */
import { getGradient, mul, registerGradient, reshape, step, type Tensor } from '@tensorflow/tfjs-core';

/** Registers the gradients of layers after a feature map, unless a package has registered them. */
export function registerTailGradients(): void {
  const gradients = {
    Identity: { gradFunc: (dy: Tensor) => ({ x: () => dy.clone() }) },
    Relu: {
      inputsToSave: ['x'],
      gradFunc: (dy: Tensor, [x]: Tensor[]) => ({ x: () => mul(dy, step(x!)) }),
    },
    Reshape: {
      inputsToSave: ['x'],
      gradFunc: (dy: Tensor, [x]: Tensor[]) => ({ x: () => reshape(dy, x!.shape) }),
    },
  };
  for (const [kernelName, gradient] of Object.entries(gradients)) {
    if (getGradient(kernelName) !== undefined) continue;
    registerGradient({ kernelName, ...gradient } as Parameters<typeof registerGradient>[0]);
  }
}
