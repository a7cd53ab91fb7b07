/**
 * Fuses kernels that plain user code calls one by one. In `relu(add(conv2d(x, w), b))`, the first two calls are
 * deferred: they only store what they would compute, and ReLU runs all three as one kernel. Any other code that reads
 * such a tensor runs its operation then. Batch normalisation before a ReLU, and a pool's gradient before the mask of a
 * ReLU, are deferred in the same way. While no gradients are recorded, a convolution with ReLU also waits for a pool of
 * 2 × 2: if the ReLU's output has been disposed when the pool's is read, only the pool's output is ever written.
 *
 * In the backward pass TF.js asks for `dy · step(z)`, where z is the sum before the ReLU, which was never computed. The
 * ReLU's output is positive at the same elements, and the product is one kernel.
 */
import type { OnednnBackend } from '../backend';
import type { NativeBuffer, Operand } from '../device';
import type { Deferred, TensorRecord } from '../record';

export interface Plan {
  kernel: string;
  operands: readonly Operand[];
  shape: readonly number[];
  /** Attributes of the native kernel, without the last one, which is 1 for the form with ReLU or its mask. */
  attributes: readonly number[];
  /** True if a bias may still be added, as a third operand. */
  takesBias?: boolean;
}

/** An operation with two forms. It keeps its operands until it is disposed. */
abstract class DeferredPlan implements Deferred {
  protected readonly backend: OnednnBackend;
  readonly plan: Plan;

  constructor(backend: OnednnBackend, plan: Plan) {
    this.backend = backend;
    this.plan = plan;
    for (const { buffer } of plan.operands) buffer.retain();
  }

  protected compute(attributes: readonly number[], shape = this.plan.shape): NativeBuffer {
    const { kernel, operands } = this.plan;
    const buffer = this.backend.device.reserve();
    const output = { buffer, shape, dtype: 'float32' } as const;
    this.backend.device.submit(kernel, operands, [output], [...this.plan.attributes, ...attributes]);
    return buffer;
  }

  materialise(): NativeBuffer {
    return this.compute([0]);
  }

  dispose(): void {
    for (const { buffer } of this.plan.operands) buffer.release();
  }
}

/** An operation that has a form with ReLU. */
export class DeferredOperation extends DeferredPlan {
  /** Output of the ReLU that was fused with this operation. */
  #reluOutput: NativeBuffer | undefined;
  #holders = 1;

  get reluOutput(): NativeBuffer | undefined {
    return this.#reluOutput;
  }

  withBias(bias: Operand): DeferredOperation {
    return new DeferredOperation(this.backend, {
      ...this.plan,
      operands: [...this.plan.operands, bias],
      takesBias: false,
    });
  }

  /** Adds a holder. Each holder must call `dispose`. */
  retain(): this {
    this.#holders += 1;
    return this;
  }

  /**
   * Runs the operation with ReLU. The caller must release the buffer; the operation keeps a reference of its own for
   * {@link DeferredStep}.
   */
  rectify(): NativeBuffer {
    this.#reluOutput ??= this.compute([1]);
    return this.#reluOutput.retain();
  }

  /** Runs a convolution with ReLU and a pool of 2 × 2 whose output has that shape. */
  pool(shape: readonly number[]): NativeBuffer {
    const [, height, width] = this.plan.shape;
    return this.compute([1, height!, width!], shape);
  }

  override dispose(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    super.dispose();
    this.#reluOutput?.release();
  }
}

/** The ReLU of a convolution while no gradients are recorded. Becomes a holder in the caller's place. */
export class DeferredRelu implements Deferred {
  constructor(readonly convolution: DeferredOperation) {}

  materialise(): NativeBuffer {
    return this.convolution.rectify();
  }

  dispose(): void {
    this.convolution.dispose();
  }
}

/** A pool of 2 × 2 at stride 2 of a {@link DeferredRelu}, whose record is `input`. */
export class DeferredPool implements Deferred {
  readonly #backend: OnednnBackend;
  readonly #input: TensorRecord;
  readonly #convolution: DeferredOperation;
  readonly #shape: readonly number[];
  readonly #attributes: readonly number[];

  constructor(
    backend: OnednnBackend,
    input: TensorRecord,
    { convolution }: DeferredRelu,
    shape: readonly number[],
    attributes: readonly number[],
  ) {
    this.#backend = backend;
    this.#input = input;
    this.#convolution = convolution.retain();
    this.#shape = shape;
    this.#attributes = attributes;
  }

  materialise(): NativeBuffer {
    // If the input was not disposed, it may still be read, so it is computed once.
    const whole = this.#input.deferred === undefined ? this.#convolution.reluOutput : this.#input.buffer;
    if (whole === undefined) return this.#convolution.pool(this.#shape);
    const buffer = this.#backend.device.reserve();
    const input = { buffer: whole, shape: this.#convolution.plan.shape };
    this.#backend.device.submit(
      'MaxPool',
      [input],
      [{ buffer, shape: this.#shape, dtype: 'float32' }],
      this.#attributes,
    );
    return buffer;
  }

  dispose(): void {
    this.#convolution.dispose();
  }
}

/**
 * The gradient of a max-pool, with the operands dy, the pool's input and the pool's output. Its other form is 0 where the
 * pool's input is not positive. This is the mask of the ReLU before the pool, not a ReLU of the gradient.
 */
export class DeferredPoolGradient extends DeferredPlan {
  /** Returns true if `y` is the pool's input, so that the ReLU's mask can be applied to the pool's output instead. */
  pools(y: Operand): boolean {
    return this.plan.operands[1]!.buffer === y.buffer;
  }

  /** Runs the operation with the mask. The caller must release the buffer. */
  masked(): NativeBuffer {
    return this.compute([1]);
  }
}

/** Step with slope 0 of `operand`: 1 where that is positive, else 0. */
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
