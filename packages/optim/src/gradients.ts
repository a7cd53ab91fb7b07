/** Gradients of a loss, and the registration of gradient functions that TF.js needs in plain Node. */
import {
  dispose,
  keep,
  type Scalar,
  Tensor,
  type TensorContainer,
  tensor_util,
  tidy,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { registerMissingGradients } from '@vgg/tfjs-gradients';

/**
 * Registers the gradient functions of tfjs-core for all kernels that have none yet. In plain Node
 * `@tensorflow/tfjs-core` registers none, so `tf.grad` and similar functions fail with "gradient function not found";
 * in a bundler it registers all. It may be called any number of times.
 */
export function ensureGradients(): void {
  registerMissingGradients();
}

/** Loss and its gradient by variable. The caller disposes all of them. */
export interface LossAndGradients {
  loss: Scalar;
  gradients: Map<string, Tensor>;
}

/** Loss, and further tensors of its computation. */
export interface LossWithAux<A extends TensorContainer> {
  loss: Scalar;
  /** Tensors to keep, in any object or list: logits, statistics of batch norm. */
  aux: A;
}

/**
 * Computes the value of `loss` and its gradient for each of `variables`, by the same names and in the same order.
 *
 * @param loss function that returns the loss, or `{ loss, aux }`. All other tensors that it creates are disposed.
 * @returns `{ loss, gradients }`, and with `aux` those tensors, which the caller disposes too.
 * @throws VggError `VGG_STATE` if the loss does not depend on one of the variables, `VGG_ARGUMENT` if there are none.
 */
export function lossAndGradients(loss: () => Scalar, variables: ReadonlyMap<string, Variable>): LossAndGradients;
export function lossAndGradients<A extends TensorContainer>(
  loss: () => LossWithAux<A>,
  variables: ReadonlyMap<string, Variable>,
): LossAndGradients & { aux: A };
export function lossAndGradients<A extends TensorContainer>(
  loss: () => Scalar | LossWithAux<A>,
  variables: ReadonlyMap<string, Variable>,
): LossAndGradients & { aux?: A | undefined } {
  if (variables.size === 0) {
    throw new VggError('argument', 'expected at least one variable to train, got none: unfreeze a layer');
  }
  ensureGradients();
  const gradients = new Map<string, Tensor>();
  let aux: A | undefined;
  const compute = (): Scalar => {
    const result = loss();
    if (result instanceof Tensor) return result;
    aux = result.aux;
    // TF.js disposes every other tensor once the loss is computed.
    for (const tensor of tensor_util.getTensorsInContainer(aux)) keep(tensor);
    return result.loss;
  };
  try {
    const [value] = tidy((): [Scalar, ...Tensor[]] => {
      const { value, grads } = variableGrads(compute, [...variables.values()]);
      for (const [name, variable] of variables) {
        const gradient = grads[variable.name];
        if (gradient === undefined) {
          throw new VggError('state', `the loss does not depend on ${name}: leave it out of the variables to train`);
        }
        gradients.set(name, gradient);
      }
      return [value, ...gradients.values()];
    });
    return { loss: value, gradients, aux };
  } catch (error) {
    dispose(aux ?? []);
    throw error;
  }
}
