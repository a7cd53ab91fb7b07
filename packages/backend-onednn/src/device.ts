/** One native environment: its buffers and the encoding of operations. */
import { VggError } from '@vgg/core';
import { type NativeEnvironment, type NativeModule, type NativeOptions, type NativeType, TYPES } from './native';

/** A block of native memory that lives until its last reference is released. */
export class NativeBuffer {
  #references = 1;
  readonly #free: (id: number) => void;

  constructor(
    readonly id: number,
    free: (id: number) => void,
  ) {
    this.#free = free;
  }

  get shared(): boolean {
    return this.#references > 1;
  }

  retain(): this {
    this.#references += 1;
    return this;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references === 0) this.#free(this.id);
  }
}

/** Input of a kernel: numbers and the shape in which the kernel sees them. */
export interface Operand {
  readonly buffer: NativeBuffer;
  readonly shape: readonly number[];
}

/** A buffer's own memory, which another thread may read and write until `release`. */
export interface Loan {
  readonly numbers: Float32Array;
  release(): void;
}

/** Output of a kernel. */
export interface Result extends Operand {
  readonly dtype: NativeType;
}

export class Device {
  readonly #native: NativeEnvironment;
  readonly #kernels: ReadonlyMap<string, number>;
  readonly #freeIds: number[] = [];
  readonly #free: (id: number) => void;
  #nextId = 0;
  /** Ends the compute thread. `process.exit` destroys the libraries' data while that thread may still use them. */
  readonly #stop = (): void => this.#native.close();

  constructor(module: NativeModule, options: NativeOptions) {
    this.#native = callNative(() => new module.Environment(options));
    this.#kernels = new Map(module.kernels.map((name, number) => [name, number]));
    this.#free = (id) => {
      this.#native.release(id);
      this.#freeIds.push(id);
    };
    process.once('exit', this.#stop);
  }

  /** Returns a buffer that an operation will fill. */
  reserve(): NativeBuffer {
    return new NativeBuffer(this.#freeIds.pop() ?? this.#nextId++, this.#free);
  }

  upload(dtype: NativeType, values: ArrayBufferView): NativeBuffer {
    const buffer = this.reserve();
    callNative(() => this.#native.upload(buffer.id, TYPES[dtype], values));
    return buffer;
  }

  /** Queues an operation. The next read throws if it fails. */
  submit(kernel: string, inputs: readonly Operand[], outputs: readonly Result[], attributes: readonly number[]): void {
    const { commands } = this.#native;
    let at = 0;
    commands[at++] = this.#kernels.get(kernel)!;
    commands[at++] = inputs.length;
    for (const { buffer, shape } of inputs) {
      commands[at++] = buffer.id;
      commands[at++] = shape.length;
      for (const dimension of shape) commands[at++] = dimension;
    }
    commands[at++] = outputs.length;
    for (const { buffer, dtype, shape } of outputs) {
      commands[at++] = buffer.id;
      commands[at++] = TYPES[dtype];
      commands[at++] = shape.length;
      for (const dimension of shape) commands[at++] = dimension;
    }
    commands[at++] = attributes.length;
    for (const attribute of attributes) commands[at++] = attribute;
    callNative(() => this.#native.submit(at));
  }

  /** Returns true if an operation with that many inputs of that rank fits into `commands`. */
  fits(inputs: number, rank: number): boolean {
    return (inputs + 1) * (rank + 3) + 64 < this.#native.commands.length;
  }

  readSync(buffer: NativeBuffer): ArrayBuffer {
    return callNative(() => this.#native.readSync(buffer.id));
  }

  async read(buffer: NativeBuffer): Promise<ArrayBuffer> {
    try {
      return await this.#native.read(buffer.id);
    } catch (cause) {
      throw backendError(cause as Error);
    }
  }

  /** Returns a new buffer of float32 numbers that are not set, and its memory, lent as by {@link lend}. */
  lendNew(count: number): Loan & { buffer: NativeBuffer } {
    const buffer = this.reserve();
    return {
      buffer,
      ...this.#loan(
        buffer,
        callNative(() => this.#native.lendNew(buffer.id, count)),
      ),
    };
  }

  /**
   * Returns a buffer's own memory once the operations queued so far that use it have run. Until `release`, which leaves the
   * array empty, no operation may use the buffer: another thread may read and write the numbers. The buffer stays alive.
   */
  async lend(buffer: NativeBuffer): Promise<Loan> {
    buffer.retain();
    try {
      return this.#loan(buffer, await this.#native.lend(buffer.id));
    } catch (cause) {
      throw backendError(cause as Error);
    } finally {
      buffer.release();
    }
  }

  /** Keeps a buffer alive until its memory is released. A second release does nothing. */
  #loan(buffer: NativeBuffer, memory: ArrayBuffer): Loan {
    buffer.retain();
    let isLent = true;
    const release = (): void => {
      if (!isLent) return;
      isLent = false;
      this.#native.takeBack(memory);
      buffer.release();
    };
    return { numbers: new Float32Array(memory), release };
  }

  drain(): void {
    this.#native.drain();
  }

  /** Returns memory that is held for reuse to the system. */
  trim(): void {
    this.#native.trim();
  }

  statistics() {
    return this.#native.statistics();
  }

  /** Starts measuring operations from zero, or stops measuring. */
  profile(on: boolean): void {
    this.#native.profile(on);
  }

  times() {
    return this.#native.times();
  }

  close(): void {
    process.off('exit', this.#stop);
    this.#native.close();
  }
}

function backendError(cause: Error): VggError {
  return new VggError('backend', `onednn: ${cause.message}`, { cause });
}

/** Calls the addon and turns its errors into {@link VggError}s. */
function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw backendError(cause as Error);
  }
}
