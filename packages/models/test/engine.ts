/** Backend of the tests: the CPU backend, silent, with the gradients that tfjs-core does not register in Node. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { env, logSoftmax, mul, neg, oneHot, type Scalar, sum, type Tensor2D, tensor1d } from '@tensorflow/tfjs-core';

env().set('IS_TEST', true);

/** Returns the soft-max cross-entropy, the mean over the images. */
export function crossEntropy(logits: Tensor2D, labels: readonly number[]): Scalar {
  const truth = oneHot(tensor1d([...labels], 'int32'), logits.shape[1]);
  return neg(mul(sum(mul(truth, logSoftmax(logits))), 1 / labels.length)) as Scalar;
}
