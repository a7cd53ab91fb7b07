/** Collects inputs that wait at the same time and runs them together. */

/** Options of a {@link Batcher}. */
export interface BatcherOptions {
  /** Largest number of inputs that run together. */
  readonly size: number;
  /** Time that the first input waits for others while nothing runs, in milliseconds. */
  readonly wait: number;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (output: Output) => void;
  readonly reject: (reason: unknown) => void;
}

/** Runs a function on batches, one batch at a time. While one runs, the next inputs gather without a further wait. */
export class Batcher<Input, Output> {
  readonly #run: (inputs: Input[]) => Promise<Output[]>;
  readonly #options: BatcherOptions;
  readonly #waiting: Waiting<Input, Output>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  /** @param run returns one output for each input, in their order. */
  constructor(run: (inputs: Input[]) => Promise<Output[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Returns the output for an input. Throws the reason of `signal` when it is aborted first; the input then leaves its batch. */
  submit(input: Input, signal?: AbortSignal): Promise<Output> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#waiting.push({ input, signal, resolve, reject });
      if (this.#running) return;
      if (this.#waiting.length >= this.#options.size) void this.#runAll();
      else this.#timer ??= setTimeout(() => void this.#runAll(), this.#options.wait);
    });
  }

  async #runAll(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = true;
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      try {
        const outputs = await this.#run(batch.map(({ input }) => input));
        for (const [i, { resolve }] of batch.entries()) resolve(outputs[i]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }

  /** Takes the next inputs whose callers still wait. */
  #next(): Waiting<Input, Output>[] {
    const batch: Waiting<Input, Output>[] = [];
    while (batch.length < this.#options.size && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      if (!next.signal?.aborted) batch.push(next);
    }
    return batch;
  }
}
