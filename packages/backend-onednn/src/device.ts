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

/** What a kernel reads: numbers and the shape in which it sees them. */
export interface Operand {
  readonly buffer: NativeBuffer;
  readonly shape: readonly number[];
}

/** What a kernel writes. */
export interface Result extends Operand {
  readonly dtype: NativeType;
}

export class Device {
  readonly #native: NativeEnvironment;
  readonly #kernels: ReadonlyMap<string, number>;
  readonly #freeIds: number[] = [];
  readonly #free: (id: number) => void;
  #nextId = 0;

  constructor(module: NativeModule, options: NativeOptions) {
    this.#native = wrapped(() => new module.Environment(options));
    this.#kernels = new Map(module.kernels.map((name, number) => [name, number]));
    this.#free = (id) => {
      this.#native.release(id);
      this.#freeIds.push(id);
    };
  }

  /** A buffer that an operation will fill. */
  reserve(): NativeBuffer {
    return new NativeBuffer(this.#freeIds.pop() ?? this.#nextId++, this.#free);
  }

  upload(dtype: NativeType, values: ArrayBufferView): NativeBuffer {
    const buffer = this.reserve();
    wrapped(() => this.#native.upload(buffer.id, TYPES[dtype], values));
    return buffer;
  }

  /** Queues an operation. Native failures surface at the next read. */
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
    wrapped(() => this.#native.submit(at));
  }

  /** Whether an operation with so many inputs of such rank fits `commands`. */
  fits(inputs: number, rank: number): boolean {
    return (inputs + 1) * (rank + 3) + 64 < this.#native.commands.length;
  }

  readSync(buffer: NativeBuffer): ArrayBuffer {
    return wrapped(() => this.#native.readSync(buffer.id));
  }

  async read(buffer: NativeBuffer): Promise<ArrayBuffer> {
    return this.#native.read(buffer.id).catch((cause: Error) => {
      throw backendError(cause);
    });
  }

  drain(): void {
    this.#native.drain();
  }

  /** Gives memory that is kept for reuse back to the system. */
  trim(): void {
    this.#native.trim();
  }

  statistics() {
    return this.#native.statistics();
  }

  /** Starts measuring operations anew, or stops. */
  profile(on: boolean): void {
    this.#native.profile(on);
  }

  times() {
    return this.#native.times();
  }

  close(): void {
    this.#native.close();
  }
}

function backendError(cause: Error): VggError {
  return new VggError('backend', `onednn: ${cause.message}`, { cause });
}

function wrapped<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw backendError(cause as Error);
  }
}
