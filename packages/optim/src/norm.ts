/** Global norm of gradients, for clipping and for finding numbers that are not finite. */
import { addN, mul, type NamedTensorMap, type Scalar, square, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { backendKernel } from './backend-kernel';

/** Returns the sum of the squares of all numbers. */
function sumOfSquares(tensors: readonly Tensor[]): Scalar {
  const [total] = backendKernel('SumOfSquares')?.({ ...tensors } as unknown as NamedTensorMap) ?? [];
  if (total !== undefined) return total as Scalar;
  return tidy(() => addN(tensors.map((tensor) => tidy(() => sum(square(tensor))))) as Scalar);
}

/** Returns the Euclidean norm of all tensors as one vector; 0 if there are none. */
export async function globalNorm(tensors: ReadonlyMap<string, Tensor>): Promise<number> {
  if (tensors.size === 0) return 0;
  const total = sumOfSquares([...tensors.values()]);
  const [value] = await total.data();
  total.dispose();
  return Math.sqrt(value!);
}

/**
 * Returns the factor, at most 1, that scales gradients of norm `norm` down to `maxNorm`.
 *
 * @throws VggError `VGG_ARGUMENT` unless `maxNorm` > 0.
 */
export function clipScale(norm: number, maxNorm: number): number {
  if (!(maxNorm > 0)) throw new VggError('argument', `expected a clipping norm above 0, got ${maxNorm}`);
  return norm > maxNorm ? maxNorm / norm : 1;
}

/**
 * Returns the names of the tensors that contain a NaN or an infinity, in order. Reads one number per tensor, so it is
 * slow.
 */
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
  /** Number of the step, for the message. */
  step: number;
  /** Loss of the step. */
  loss: number;
  /** Gradients in the order of the net. */
  gradients: ReadonlyMap<string, Tensor>;
  /** Variables in the order of the net: one that is not finite explains the loss. */
  variables?: ReadonlyMap<string, Tensor> | undefined;
}

const REMEDY = 'lower the rate, clip the gradients or look at the input';

/**
 * Throws if the loss or a gradient is NaN or infinite. Otherwise it reads only one number.
 *
 * @returns the global norm of the gradients.
 * @throws VggError `VGG_NON_FINITE`, whose message and `details` (`step`, `layer`) name the step and the layer: that of
 *   the first weight that is not finite if there is one, otherwise the last layer whose gradient is not finite, since
 *   errors propagate from the loss to the input.
 */
export async function assertFinite({ step, loss, gradients, variables }: FiniteCheck): Promise<number> {
  const norm = await globalNorm(gradients);
  if (Number.isFinite(loss) && Number.isFinite(norm)) return norm;
  const fail = (problem: string, layer?: string) =>
    new VggError('nonFinite', `${problem} at step ${step}: ${REMEDY}`, { details: { step, layer } });
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
