/**
 * Operations with gradients written by hand. TF.js undoes the fusion of convolution, bias and ReLU while it records
 * gradients, and keeps three activations per layer. These operations keep one, which the next layer keeps as well
 * (decision 0031).
 */
import {
  customGrad,
  dispose,
  engine,
  type GradSaveFunc,
  mul,
  type NamedAttrMap,
  type NamedTensorMap,
  step,
  type Tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import { backendKernel } from './backend-kernels';

/** Runs a kernel of the current backend with one output. */
export function runKernel<T extends Tensor>(name: string, inputs: NamedTensorMap, attributes: object): T {
  return engine().runKernel(name, inputs, attributes as NamedAttrMap) as T;
}

/** Parts of a layer that never need a gradient. */
export interface Constants {
  /** True if the layer's variables are constant. */
  variables?: boolean;
  /** True if the layer's input is constant. */
  input?: boolean;
}

/** Tensors or their gradients by name. */
type Named<T> = Readonly<Record<string, T>>;

/** Returns the variables and the input of a layer that need a gradient, without the constant ones. */
export function differentiated<T>(input: T, variables: Named<T>, constant: Constants): Named<T> {
  const selected: Record<string, T> = constant.variables ? {} : { ...variables };
  // The input comes last: after its gradient, no other one is computed.
  if (!constant.input) selected.input = input;
  return selected;
}

export interface Operation {
  /** Tensors that the operation is differentiated by. */
  inputs: Named<Tensor>;
  /** Tensors that the gradient needs. */
  saved: readonly Tensor[];
  /** True if the gradient needs the output too, which is then the last of the saved tensors. */
  output?: boolean;
  /** True if the operation ends in a ReLU. Its mask is computed from the output. */
  relu?: boolean;
}

/** Computes the gradients of inputs, each when it is needed, from the gradient of the output and the saved tensors. */
export type Gradients = (dy: Tensor, saved: readonly Tensor[]) => Named<() => Tensor>;

/**
 * Engine of TF.js with the function below `customGrad`. Its gradients are functions, which TF.js calls only for the inputs
 * that a requested gradient depends on. Those of `customGrad` are tensors, computed for all inputs.
 */
interface GradientEngine {
  runKernelFunc<T extends Tensor>(invocation: {
    inputs: Named<Tensor>;
    forwardFunc: (backend: unknown, save: GradSaveFunc) => T;
    backwardsFunc: Gradients;
  }): T;
}

/**
 * Runs `forward` as one operation. `gradients` has a function for each input by name. After that of the last input, the
 * gradient of the output and the saved tensors are disposed, since no other code reads them; TF.js would keep those of
 * every layer until the last gradient is computed.
 */
export function operation<T extends Tensor>(
  { inputs, saved, output = false, relu = false }: Operation,
  forward: () => T,
  gradients: Gradients,
): T {
  const names = Object.keys(inputs);
  if (names.length === 0) return untracked(forward);
  return (engine() as unknown as GradientEngine).runKernelFunc<T>({
    inputs,
    forwardFunc: (_, save) => {
      const y = forward();
      save(output || relu ? [...saved, y] : [...saved]);
      return y;
    },
    backwardsFunc: (dy, kept) => {
      const before = relu ? reluGradient(dy, kept.at(-1)!) : dy;
      const computations = gradients(before, kept);
      const last = names.at(-1)!;
      const computeLast = () => {
        const gradient = computations[last]!();
        dispose([dy, before, ...kept].filter((tensor) => tensor !== gradient));
        return gradient;
      };
      return { ...computations, [last]: computeLast };
    },
  });
}

/** Computes a value without gradients: no operation is recorded, so no intermediate value is kept. */
export function untracked<T extends Tensor>(compute: () => T): T {
  return customGrad<T>(() => ({ value: compute(), gradFunc: () => [] }))();
}

/** Returns the gradient before a ReLU: `dy` where the output `y` is above 0, else 0. */
function reluGradient(dy: Tensor, y: Tensor): Tensor {
  const [onePass] = backendKernel('ReluGrad')?.({ dy, y }) ?? [];
  if (onePass !== undefined) return onePass;
  return tidy(() => mul(dy, step(y)));
}
