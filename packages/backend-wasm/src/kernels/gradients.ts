/** Gradients that run a kernel of our own where the current backend has it, and else tfjs-core's operations. */
import { engine, getGradient, getKernel, Relu, registerGradient, type Tensor } from '@tensorflow/tfjs-core';
import { RELU_GRAD } from './elementwise';

/** Registers a gradient of a ReLU in one pass over memory. */
export function fuseReluGradient(): void {
  const general = getGradient(Relu)!;
  registerGradient({
    ...general,
    inputsToSave: [],
    outputsToSave: [true],
    gradFunc: (dy, saved, attrs) => {
      const [y] = saved as [Tensor];
      if (getKernel(RELU_GRAD, engine().backendName) === undefined || Array.isArray(dy) || dy.dtype !== 'float32') {
        return general.gradFunc(dy, saved, attrs);
      }
      return { x: () => engine().runKernel(RELU_GRAD, { dy, y }) as Tensor };
    },
  });
}
