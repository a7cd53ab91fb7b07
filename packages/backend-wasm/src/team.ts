/** Threads that share the work of one kernel. */
import { VggError } from '@vgg/core';
import {
  ACTIVE,
  CLOSED,
  COUNT,
  FAILED,
  JOB,
  KERNEL,
  KERNELS,
  MOST_ARGUMENTS,
  PARTS,
  type PartKernel,
  READY,
  SPIN,
  STOP,
  TAKEN,
  takePart,
  viewsOf,
  WORDS,
} from './protocol';
import { startWorker } from './worker-thread';

/** Functions of the kernels' module. */
export type Exports = Readonly<Record<PartKernel, (...args: (number | boolean)[]) => void>>;

/** True if this thread may sleep: Node's threads and workers may, the main thread of a page may not. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, JOB, STOP, 0);
    return true;
  } catch {
    return false;
  }
}

/** The calling thread and its workers. Every part of a job has the same result in any of them. */
export class Team {
  /** Number of threads that were asked for. Slots of scratch memory are numbered below it. */
  readonly size: number;
  readonly #exports: Exports;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #sleeps: boolean;
  #job = 0;

  private constructor(exports: Exports, control: SharedArrayBuffer | undefined, size: number) {
    this.#exports = exports;
    this.size = size;
    const { words, numbers } = viewsOf(control ?? (new ArrayBuffer(WORDS * 4 + MOST_ARGUMENTS * 8) as never));
    this.#words = words;
    this.#numbers = numbers;
    this.#sleeps = control !== undefined && maySleep(words);
  }

  /** Returns a team of the calling thread alone. */
  static alone(exports: Exports): Team {
    return new Team(exports, undefined, 1);
  }

  /** Starts `size` − 1 workers on the kernels' module and its shared memory. Resolves when they work or cannot. */
  static async start(exports: Exports, module: WebAssembly.Module, memory: WebAssembly.Memory, size: number) {
    const control = new SharedArrayBuffer(WORDS * 4 + MOST_ARGUMENTS * 8);
    const team = new Team(exports, control, size);
    const slots = Array.from({ length: size - 1 }, (_, i) => i + 1);
    await Promise.all(slots.map((slot) => startWorker({ module, memory, control, slot })));
    return team;
  }

  /** Number of threads that work. */
  get working(): number {
    return 1 + Atomics.load(this.#words, READY);
  }

  /**
   * Runs all `parts` of a kernel, whose arguments are followed by the part, the number of parts and the thread's slot.
   * @throws VggError `VGG_BACKEND` when a part failed in any thread.
   */
  run(name: PartKernel, parts: number, args: readonly (number | boolean)[]): void {
    const kernel = this.#exports[name];
    let cause: unknown;
    if (parts > 1) this.#open(name, parts, args);
    try {
      if (parts === 1) kernel(...args, 0, 1, 0);
      else this.#takeParts(kernel, parts, args);
    } catch (error) {
      cause = error;
    }
    if (parts > 1 && this.#close()) cause ??= 'in a worker thread';
    if (cause !== undefined) {
      throw new VggError('backend', `the kernel ${name} of the WASM backend failed: ${cause}`, { cause });
    }
  }

  #open(name: PartKernel, parts: number, args: readonly (number | boolean)[]): void {
    const words = this.#words;
    args.forEach((value, i) => {
      this.#numbers[i] = Number(value);
    });
    words[COUNT] = args.length;
    words[KERNEL] = KERNELS.indexOf(name);
    words[PARTS] = parts;
    words[FAILED] = 0;
    words[TAKEN] = 0;
    this.#job = (this.#job % 0x3fff_ffff) + 1;
    Atomics.store(words, JOB, this.#job);
    Atomics.notify(words, JOB);
  }

  #takeParts(kernel: Exports[PartKernel], parts: number, args: readonly (number | boolean)[]): void {
    const words = this.#words;
    for (let part = takePart(words, parts, 0); part !== undefined; part = takePart(words, parts, 0)) {
      kernel(...args, part, parts, 0);
    }
  }

  /** Ends the job when the workers in it have ended. Returns true if a part failed in one of them. */
  #close(): boolean {
    Atomics.store(this.#words, JOB, CLOSED);
    this.#awaitWorkers();
    return Atomics.load(this.#words, FAILED) === 1;
  }

  #awaitWorkers(): void {
    const words = this.#words;
    const end = performance.now() + SPIN;
    for (let active = Atomics.load(words, ACTIVE); active > 0; active = Atomics.load(words, ACTIVE)) {
      if (this.#sleeps && performance.now() > end) Atomics.wait(words, ACTIVE, active, 1000);
    }
  }

  /** Ends the workers. The team runs no job afterwards. */
  stop(): void {
    Atomics.store(this.#words, JOB, STOP);
    Atomics.notify(this.#words, JOB);
  }
}
