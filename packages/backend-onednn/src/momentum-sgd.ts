/** Momentum SGD (section 3.1) as one pass over memory, in place (native/kernels/momentum_sgd.cc). */
import { type Tensor, type TensorInfo, tidy, util, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import type { OnednnBackend } from './backend';
import { currentBackend } from './register';

export interface MomentumSgdUpdate {
  /** The learning rate ε. */
  rate: number;
  /** m; 0.9 unless given. */
  momentum?: number;
  /** λ of L2; 0 unless given. */
  weightDecay?: number;
  /** Multiplies the gradient first, e.g. to clip it; 1 unless given. */
  gradientScale?: number;
  /** `caffe` (default): v ← m·v - ε·(g + λ·w), w ← w + v. `pytorch`: v ← m·v + g + λ·w, w ← w - ε·v. */
  rule?: 'caffe' | 'pytorch';
}

/** A fresh tensor with the numbers of `info`. */
function copied(backend: OnednnBackend, info: TensorInfo): TensorInfo {
  const size = util.sizeFromShape(info.shape);
  return backend.run('StridedCopy', [backend.operand(info)], { shape: info.shape }, [0, size, 1]);
}

/** Makes sure that nobody else sees the variable's memory, by a copy where someone does. */
function unshare(backend: OnednnBackend, variable: Variable): void {
  const record = backend.record(variable);
  if (record.refCount > 1) {
    tidy(() => variable.assign(backend.makeOutputOf(copied(backend, variable))));
  } else if (record.hasNative && record.buffer.shared) {
    const fresh = copied(backend, variable);
    record.replaceBuffer(backend.record(fresh).buffer.retain());
    backend.disposeIntermediateTensorInfo(fresh);
  }
}

/**
 * Updates `weights` and `velocity` in place by one step, and leaves tensors that shared their memory as they were.
 *
 * @param weights float32, any shape; `velocity` and `gradient` have the same. The caller keeps owning all three.
 * @throws VggError `VGG_STATE` when another backend is in use, `VGG_SHAPE` when the shapes differ, `VGG_ARGUMENT` for a
 *   number that is not finite.
 */
export function momentumSgd(weights: Variable, velocity: Variable, gradient: Tensor, update: MomentumSgdUpdate): void {
  const backend = currentBackend();
  if (backend === undefined) throw new VggError('state', 'momentumSgd needs the backend onednn: tf.setBackend first');
  for (const [name, tensor] of Object.entries({ velocity, gradient })) {
    if (tensor.shape.join() !== weights.shape.join() || tensor.dtype !== 'float32') {
      const came = `${tensor.dtype} [${tensor.shape}]`;
      throw new VggError('shape', `expected a ${name} of float32 [${weights.shape}] as the weights, got ${came}`);
    }
  }
  const { rate, momentum = 0.9, weightDecay = 0, gradientScale = 1, rule = 'caffe' } = update;
  for (const [name, value] of Object.entries({ rate, momentum, weightDecay, gradientScale })) {
    if (!Number.isFinite(value)) throw new VggError('argument', `expected a finite ${name}, got ${value}`);
  }
  if (weights.size === 0) return;
  unshare(backend, weights);
  unshare(backend, velocity);
  const [w, v] = [backend.operand(weights), backend.operand(velocity)];
  const attributes = [rate, momentum, weightDecay, gradientScale, rule === 'pytorch' ? 1 : 0];
  const outputs = [w, v].map((operand) => ({ ...operand, dtype: 'float32' as const }));
  backend.device.submit('MomentumSgd', [backend.operand(gradient)], outputs, attributes);
  backend.record(weights).forgetHost();
  backend.record(velocity).forgetHost();
}
