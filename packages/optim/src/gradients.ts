/** Gradients of a loss, and the registration of gradient functions that TF.js needs in plain Node. */
import {
  dispose,
  engine,
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
import { checkOneName } from './optimiser';

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

type TapeNode = ReturnType<typeof engine>['state']['activeTape'][number];

/** Returns the gradient of a variable that takes the place of the computed one. */
export type ReplaceGradient = (name: string, gradient: Tensor) => Tensor;

/**
 * Makes the operations of the loss replace the gradients of variables, and returns the names of those variables. A
 * variable that several operations use is left out: each of them computes only a part of its gradient.
 *
 * @param held receives the computed gradients: those of an operation's other inputs may need them. They are disposed
 *   before the next operation's, and the last ones by the caller.
 */
function replaceOnTape(
  loss: Scalar,
  variables: ReadonlyMap<string, Variable>,
  replace: ReplaceGradient,
  held: Tensor[],
): ReadonlySet<string> {
  // The tape holds other operations too, such as copies of saved tensors.
  const needed = new Set([loss.id]);
  const uses: { node: TapeNode; input: string; id: number }[] = [];
  for (const node of [...engine().state.activeTape].reverse()) {
    if (!node.outputs.some(({ id }) => needed.has(id))) continue;
    for (const [input, { id }] of Object.entries(node.inputs)) {
      needed.add(id);
      uses.push({ node, input, id });
    }
  }
  const replaced = new Set<string>();
  for (const [name, { id }] of variables) {
    const [use, ...others] = uses.filter((each) => each.id === id);
    const gradient = use?.node.gradient;
    if (use === undefined || gradient === undefined || others.length > 0) continue;
    use.node.gradient = (outputs) => {
      dispose(held.splice(0));
      const gradients = gradient(outputs);
      const compute = gradients[use.input]!;
      gradients[use.input] = () => {
        const computed = compute();
        const result = replace(name, computed);
        const isNew = computed.scopeId === engine().state.activeScope.id;
        if (result !== computed && isNew) held.push(keep(computed));
        return result;
      };
      return gradients;
    };
    replaced.add(name);
  }
  return replaced;
}

/**
 * Computes the value of `loss` and its gradient for each of `variables`, by the same names and in the same order.
 *
 * @param loss function that returns the loss, or `{ loss, aux }`. All other tensors that it creates are disposed.
 * @param replace called with each gradient once its operation is queued, and before the rest of the backward pass is;
 *   its result takes the gradient's place. Default the gradient itself.
 * @returns `{ loss, gradients }`, and with `aux` those tensors, which the caller disposes too.
 * @throws VggError `VGG_STATE` if the loss does not depend on one of the variables, `VGG_ARGUMENT` if there are none or one
 *   has two names.
 */
export function lossAndGradients(
  loss: () => Scalar,
  variables: ReadonlyMap<string, Variable>,
  replace?: ReplaceGradient,
): LossAndGradients;
export function lossAndGradients<A extends TensorContainer>(
  loss: () => LossWithAux<A>,
  variables: ReadonlyMap<string, Variable>,
  replace?: ReplaceGradient,
): LossAndGradients & { aux: A };
export function lossAndGradients<A extends TensorContainer>(
  loss: () => Scalar | LossWithAux<A>,
  variables: ReadonlyMap<string, Variable>,
  replace?: ReplaceGradient,
): LossAndGradients & { aux?: A | undefined } {
  if (variables.size === 0) {
    throw new VggError('argument', 'expected at least one variable to train, got none: unfreeze a layer');
  }
  checkOneName(variables);
  ensureGradients();
  const gradients = new Map<string, Tensor>();
  let aux: A | undefined;
  const held: Tensor[] = [];
  let replaced: ReadonlySet<string> = new Set();
  const compute = (): Scalar => {
    const result = loss();
    const value = result instanceof Tensor ? result : result.loss;
    if (replace !== undefined) replaced = replaceOnTape(value, variables, replace, held);
    if (result instanceof Tensor) return value;
    aux = result.aux;
    // TF.js disposes every other tensor once the loss is computed.
    for (const tensor of tensor_util.getTensorsInContainer(aux)) keep(tensor);
    return value;
  };
  try {
    const [value] = tidy((): [Scalar, ...Tensor[]] => {
      const { value, grads } = variableGrads(compute, [...variables.values()]);
      for (const [name, variable] of variables) {
        const gradient = grads[variable.name];
        if (gradient === undefined) {
          throw new VggError('state', `the loss does not depend on ${name}: leave it out of the variables to train`);
        }
        gradients.set(name, replace === undefined || replaced.has(name) ? gradient : replace(name, gradient));
      }
      return [value, ...gradients.values()];
    });
    return { loss: value, gradients, aux };
  } catch (error) {
    dispose(aux ?? []);
    throw error;
  } finally {
    dispose(held);
  }
}
