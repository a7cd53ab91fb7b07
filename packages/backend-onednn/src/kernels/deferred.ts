/**
 * A short peephole that gives plain user code the fused kernels' speed. `relu(add(conv2d(x, w), b))` calls three kernels;
 * the first two only note what they would do. Whoever reads such a tensor makes it be computed then.
 *
 * On the way back TF.js asks for `dy · step(z)` with z the sum before the ReLU, which was never computed: the ReLU's output
 * has the same positive elements, and the product is one kernel.
 */
import type { OnednnBackend } from '../backend';
import type { NativeBuffer, Operand } from '../device';
import type { Deferred } from '../record';

function retained(operands: readonly Operand[]): readonly Operand[] {
  for (const { buffer } of operands) buffer.retain();
  return operands;
}

export interface ConvolutionPlan {
  /** x, filter and, once it is known, bias. */
  operands: readonly Operand[];
  shape: readonly number[];
  /** Of the native kernel, without the last, which asks for ReLU. */
  attributes: readonly number[];
}

/** Conv2D, alone or with its bias. */
export class DeferredConvolution implements Deferred {
  readonly #backend: OnednnBackend;
  readonly plan: ConvolutionPlan;
  /** The output of the ReLU that took this operation in. */
  #rectified: NativeBuffer | undefined;

  constructor(backend: OnednnBackend, plan: ConvolutionPlan) {
    this.#backend = backend;
    this.plan = { ...plan, operands: retained(plan.operands) };
  }

  get hasBias(): boolean {
    return this.plan.operands.length > 2;
  }

  get rectified(): NativeBuffer | undefined {
    return this.#rectified;
  }

  withBias(bias: Operand): DeferredConvolution {
    return new DeferredConvolution(this.#backend, { ...this.plan, operands: [...this.plan.operands, bias] });
  }

  #compute(relu: 0 | 1): NativeBuffer {
    const { operands, shape, attributes } = this.plan;
    const buffer = this.#backend.device.reserve();
    this.#backend.device.submit('Conv2D', operands, [{ buffer, shape, dtype: 'float32' }], [...attributes, relu]);
    return buffer;
  }

  /** The operation with ReLU. The buffer is the caller's; another reference is kept for {@link DeferredStep}. */
  rectify(): NativeBuffer {
    this.#rectified ??= this.#compute(1);
    return this.#rectified.retain();
  }

  materialise(): NativeBuffer {
    return this.#compute(0);
  }

  dispose(): void {
    for (const { buffer } of this.plan.operands) buffer.release();
    this.#rectified?.release();
  }
}

/** Step with slope 0 of `operand`: 1 where it is positive, else 0. */
export class DeferredStep implements Deferred {
  readonly #backend: OnednnBackend;
  readonly operand: Operand;

  constructor(backend: OnednnBackend, operand: Operand) {
    this.#backend = backend;
    this.operand = operand;
    operand.buffer.retain();
  }

  materialise(): NativeBuffer {
    const buffer = this.#backend.device.reserve();
    const output = { buffer, shape: this.operand.shape, dtype: 'float32' } as const;
    this.#backend.device.submit('Step', [this.operand], [output], [0]);
    return buffer;
  }

  dispose(): void {
    this.operand.buffer.release();
  }
}
