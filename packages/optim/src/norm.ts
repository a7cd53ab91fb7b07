/** One scalar for a whole set of gradients: its norm, which clips it and finds out whether any number in it is not finite. */
import { addN, mul, type Scalar, square, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** The Euclidean norm of all tensors taken as one vector. 0 when there are none. */
export async function globalNorm(tensors: ReadonlyMap<string, Tensor>): Promise<number> {
  if (tensors.size === 0) return 0;
  const total = tidy(() => addN([...tensors.values()].map((tensor) => tidy(() => sum(square(tensor))))) as Scalar);
  const [value] = await total.data();
  total.dispose();
  return Math.sqrt(value!);
}

/**
 * The factor, at most 1, that brings gradients of norm `norm` down to `maxNorm`.
 * @throws VggError `VGG_ARGUMENT` unless `maxNorm` > 0.
 */
export function clipScale(norm: number, maxNorm: number): number {
  if (!(maxNorm > 0)) throw new VggError('argument', `expected a clipping norm above 0, got ${maxNorm}`);
  return norm > maxNorm ? maxNorm / norm : 1;
}

/** The names of the tensors that hold a NaN or an infinity, in order. Reads one number per tensor: for the error path. */
export async function nonFiniteNames(tensors: ReadonlyMap<string, Tensor>): Promise<string[]> {
  const names: string[] = [];
  for (const [name, tensor] of tensors) {
    // A product with zero is zero for every finite number and NaN for all others, so no sum can overflow.
    const marker = tidy(() => sum(mul(tensor, 0)));
    const [value] = await marker.data();
    marker.dispose();
    if (value !== 0) names.push(name);
  }
  return names;
}

export interface FiniteCheck {
  /** The step, for the message. */
  step: number;
  /** The loss of the step. */
  loss: number;
  /** Gradients in network order. */
  gradients: ReadonlyMap<string, Tensor>;
  /** The variables, in network order: a bad one explains a bad loss. */
  variables?: ReadonlyMap<string, Tensor>;
}

const REMEDY = 'lower the rate, clip the gradients or look at the input';

/**
 * Stops training when the loss or a gradient is NaN or infinite. In the good case it reads one number.
 *
 * @returns the global norm of the gradients.
 * @throws VggError `VGG_NON_FINITE`, whose message and `details` (`step`, `layer`) name the step and the layer. Errors
 *   travel from the loss to the input, so the layer named is the last one with a bad gradient; when the loss itself is
 *   bad and a weight is, it is the first bad weight's.
 */
export async function assertFinite({ step, loss, gradients, variables }: FiniteCheck): Promise<number> {
  const norm = await globalNorm(gradients);
  if (Number.isFinite(loss) && Number.isFinite(norm)) return norm;
  const fail = (what: string, layer?: string) =>
    new VggError('nonFinite', `${what} at step ${step}: ${REMEDY}`, { details: { step, layer } });
  const [badWeight] = variables === undefined ? [] : await nonFiniteNames(variables);
  if (badWeight !== undefined) throw fail(`${badWeight} is not finite`, badWeight);
  const bad = await nonFiniteNames(gradients);
  const last = bad.at(-1);
  if (!Number.isFinite(loss))
    throw fail(`the loss is ${loss}${last ? ` and the gradient of ${last} not finite` : ''}`, last);
  if (last === undefined) throw fail('the norm of the gradients is beyond float32');
  const others = bad.length > 1 ? ` (and of ${bad.length - 1} more below it)` : '';
  throw fail(`the gradient of ${last}${others} is not finite`, last);
}
