/**
 * A short peephole that gives plain user code the fused kernels' speed. `relu(add(conv2d(x, w), b))` calls three kernels;
 * the first two only note what they would do. Whoever reads such a tensor makes it be computed then. Batch normalisation
 * before a ReLU, and a pool's gradient before the mask of a ReLU, are put off likewise.
 *
 * On the way back TF.js asks for `dy · step(z)` with z the sum before the ReLU, which was never computed: the ReLU's output
 * has the same positive elements, and the product is one kernel.
 */
import type { OnednnBackend } from '../backend';
import type { NativeBuffer, Operand } from '../device';
import type { Deferred } from '../record';

export interface Plan {
  kernel: string;
  operands: readonly Operand[];
  shape: readonly number[];
  /** Of the native kernel, without the last, which asks for ReLU. */
  attributes: readonly number[];
  /** Whether one number a channel may still be added: a third operand. */
  takesBias?: boolean;
}

/** An operation that has a form with ReLU. */
export class DeferredOperation implements Deferred {
  readonly #backend: OnednnBackend;
  readonly plan: Plan;
  /** The output of the ReLU that took this operation in. */
  #rectified: NativeBuffer | undefined;

  constructor(backend: OnednnBackend, plan: Plan) {
    this.#backend = backend;
    this.plan = plan;
    for (const { buffer } of plan.operands) buffer.retain();
  }

  get rectified(): NativeBuffer | undefined {
    return this.#rectified;
  }

  withBias(bias: Operand): DeferredOperation {
    return new DeferredOperation(this.#backend, {
      ...this.plan,
      operands: [...this.plan.operands, bias],
      takesBias: false,
    });
  }

  #compute(relu: 0 | 1): NativeBuffer {
    const { kernel, operands, shape, attributes } = this.plan;
    const buffer = this.#backend.device.reserve();
    this.#backend.device.submit(kernel, operands, [{ buffer, shape, dtype: 'float32' }], [...attributes, relu]);
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

/** The gradient of a max-pool: of dy, the pool's input and its output. */
export class DeferredPoolGradient extends DeferredOperation {
  /** Whether `y` is what was pooled: then its mask is that of the pooled numbers. */
  pools(y: Operand): boolean {
    return this.plan.operands[1]!.buffer === y.buffer;
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
