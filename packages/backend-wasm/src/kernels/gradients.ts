/** Gradients that run a kernel of our own where the current backend has it, and else tfjs-core's operations. */
import {
  engine,
  getGradient,
  getKernel,
  Relu,
  registerGradient,
  type Tensor,
  type TensorInfo,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { RELU_GRAD } from './elementwise';

const isFloat = (info: TensorInfo) => info.dtype === 'float32';
const reluGrad = (dy: Tensor, y: Tensor) => engine().runKernel(RELU_GRAD, { dy, y }) as Tensor;

/** Registers a gradient of a ReLU in one pass over memory, which has a gradient itself. */
export function fuseReluGradient(): void {
  const general = getGradient(Relu)!;
  registerGradient({
    ...general,
    inputsToSave: [],
    outputsToSave: [true],
    gradFunc: (dy, saved, attrs) => {
      const [y] = saved as [Tensor];
      const fused = getKernel(RELU_GRAD, engine().backendName) !== undefined;
      if (!fused || Array.isArray(dy) || !isFloat(dy) || !isFloat(y)) return general.gradFunc(dy, saved, attrs);
      return { x: () => reluGrad(dy, y) };
    },
  });
  registerGradient({
    kernelName: RELU_GRAD,
    inputsToSave: ['y'],
    gradFunc: (dy, saved) => {
      const [y] = saved as [Tensor];
      return { dy: () => reluGrad(dy as Tensor, y), y: () => zerosLike(y) };
    },
  });
}
