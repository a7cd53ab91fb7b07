/**
 * A short peephole that gives plain user code the fused kernels' speed. `relu(add(conv2d(x, w), b))` calls three kernels;
 * the first two only note what they would do. Whoever reads such a tensor makes it be computed then. Batch normalisation
 * before a ReLU, and a pool's gradient before the mask of a ReLU, are put off likewise. Under no tape a convolution with ReLU
 * waits for a pool of 2 × 2: if its output was disposed by the time the pool's is read, only that is ever written.
 *
 * On the way back TF.js asks for `dy · step(z)` with z the sum before the ReLU, which was never computed: the ReLU's output
 * has the same positive elements, and the product is one kernel.
 */
import type { OnednnBackend } from '../backend';
import type { NativeBuffer, Operand } from '../device';
import type { Deferred, TensorRecord } from '../record';

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
  #holders = 1;

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

  #compute(attributes: readonly number[], shape = this.plan.shape): NativeBuffer {
    const { kernel, operands } = this.plan;
    const buffer = this.#backend.device.reserve();
    const output = { buffer, shape, dtype: 'float32' } as const;
    this.#backend.device.submit(kernel, operands, [output], [...this.plan.attributes, ...attributes]);
    return buffer;
  }

  /** For one more holder, who is to dispose it, too. */
  retain(): this {
    this.#holders += 1;
    return this;
  }

  /** The operation with ReLU. The buffer is the caller's; another reference is kept for {@link DeferredStep}. */
  rectify(): NativeBuffer {
    this.#rectified ??= this.#compute([1]);
    return this.#rectified.retain();
  }

  materialise(): NativeBuffer {
    return this.#compute([0]);
  }

  /** Of a convolution: with ReLU and the pool of 2 × 2 whose output has that shape. */
  pool(shape: readonly number[]): NativeBuffer {
    const [, height, width] = this.plan.shape;
    return this.#compute([1, height!, width!], shape);
  }

  dispose(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    for (const { buffer } of this.plan.operands) buffer.release();
    this.#rectified?.release();
  }
}

/** The ReLU of a convolution, under no tape. Takes over a hold of the convolution. */
export class DeferredRelu implements Deferred {
  constructor(readonly convolution: DeferredOperation) {}

  materialise(): NativeBuffer {
    return this.convolution.rectify();
  }

  dispose(): void {
    this.convolution.dispose();
  }
}

/** A pool of 2 × 2 at stride 2 of such a ReLU, whose record is `input`. */
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
    // Whoever holds the input may still read it: then it is computed, once.
    const whole = this.#input.deferred === undefined ? this.#convolution.rectified : this.#input.buffer;
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
