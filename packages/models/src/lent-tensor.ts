/** New tensors whose numbers are written to the backend's own memory, without a copy. */
import { backend, engine, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

/** Backend that lends the memory of a new tensor: that of `@vgg/backend-onednn`. */
interface LendingBackend {
  lendNew(shape: readonly number[]): { info: TensorInfo; numbers: Float32Array; release(): void };
}

function lends(current: object): current is LendingBackend {
  return 'lendNew' in current;
}

/** Tensor and its memory. */
export interface LentTensor {
  /** Float32 tensor whose numbers are not set yet. No operation may use it until `release`. The caller disposes it. */
  readonly tensor: Tensor;
  /** The tensor's own memory, to write to. Empty after `release`. */
  readonly numbers: Float32Array;
  release(): void;
}

/** Returns a new tensor and its memory, or undefined if the current backend does not lend its memory. */
export function lentTensor(shape: readonly number[]): LentTensor | undefined {
  const current: object = backend();
  if (!lends(current)) return undefined;
  const { info, numbers, release } = current.lendNew(shape);
  return { tensor: engine().makeTensorFromTensorInfo(info), numbers, release };
}
