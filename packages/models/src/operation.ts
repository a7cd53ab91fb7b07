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

/** Runs a kernel of the current backend with one output. */
export function runKernel<T extends Tensor>(name: string, inputs: NamedTensorMap, attributes: object): T {
  return engine().runKernel(name, inputs, attributes as NamedAttrMap) as T;
}

/** Parts of a layer that need no gradient, so that none is computed. */
export interface Constants {
  /** True if the layer's variables are constant. */
  variables?: boolean;
  /** True if the layer's input is constant. */
  input?: boolean;
}

/** Returns those of a layer's input and variables that need a gradient. */
export function differentiated(input: Tensor, variables: readonly Tensor[], constant: Constants): Tensor[] {
  const inputs = constant.input ? [] : [input];
  return constant.variables ? inputs : [...inputs, ...variables];
}

/** Computes the gradients that are needed, in the order of {@link differentiated}. */
export function gradientsOf(constant: Constants, ofInput: () => Tensor, ofVariables: () => Tensor[]): Tensor[] {
  const gradients = constant.input ? [] : [ofInput()];
  return constant.variables ? gradients : [...gradients, ...ofVariables()];
}

export interface Operation {
  /** Tensors that the operation is differentiated by. */
  inputs: readonly Tensor[];
  /** Tensors that the gradient needs. */
  saved: readonly Tensor[];
  /** True if the gradient needs the output too, which is then the last of the saved tensors. */
  output?: boolean;
  /** True if the operation ends in a ReLU. Its mask is computed from the output. */
  relu?: boolean;
}

/**
 * Runs `forward` as one operation. `gradients` computes the gradients of the inputs, in their order, from the gradient
 * of the output and the saved tensors. All of these are then disposed, since no other code reads them; TF.js would keep
 * those of every layer until the last gradient is computed.
 */
export function operation<T extends Tensor>(
  { inputs, saved, output = false, relu = false }: Operation,
  forward: () => T,
  gradients: (dy: Tensor, saved: readonly Tensor[]) => Tensor[],
): T {
  if (inputs.length === 0) return untracked(forward);
  const differentiable = customGrad<T>((...args) => {
    const save = args.at(-1) as GradSaveFunc;
    const y = forward();
    save(output || relu ? [...saved, y] : [...saved]);
    return {
      value: y,
      gradFunc: (dy, kept) => {
        const computed = tidy(() => gradients(relu ? reluGradient(dy, kept.at(-1)!) : dy, kept));
        dispose(computed.includes(dy) ? kept : [...kept, dy]);
        return computed;
      },
    };
  });
  return differentiable(...inputs);
}

/** Computes a value without gradients: no operation is recorded, so no intermediate value is kept. */
export function untracked<T extends Tensor>(compute: () => T): T {
  return customGrad<T>(() => ({ value: compute(), gradFunc: () => [] }))();
}

/** Returns the gradient before a ReLU: `dy` where the output `y` is above 0, else 0. */
function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return tidy(() => mul(dy, step(y)));
}
