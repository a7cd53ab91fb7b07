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

/** Largest number of batches that run at once: one computes, and the next one is ready when it ends. */
const PARALLEL = 2;

/**
 * Runs a function on batches. While one runs, the next inputs gather without a further wait; those that fill a batch are handed over
 * at once, so that an engine that queues its work never waits for the next batch.
 */
export class Batcher<Input, Output> {
  readonly #run: (inputs: Input[]) => Promise<Output[]>;
  readonly #options: BatcherOptions;
  readonly #waiting: Waiting<Input, Output>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = 0;

  /** @param run returns one output for each input, in their order. */
  constructor(run: (inputs: Input[]) => Promise<Output[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Returns the output for an input. Throws the reason of `signal` when it is aborted first; the input then leaves its batch. */
  submit(input: Input, signal?: AbortSignal): Promise<Output> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const waiting = { input, signal, resolve, reject };
      const leave = () => {
        const place = this.#waiting.indexOf(waiting);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiting);
      if (this.#waiting.length >= this.#options.size) this.#start();
      else if (this.#running === 0) this.#timer ??= setTimeout(() => this.#start(), this.#options.wait);
    });
  }

  /** Runs the next batch, unless enough batches run. */
  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running === PARALLEL || this.#waiting.length === 0) return;
    void this.#runOne(this.#waiting.splice(0, this.#options.size));
  }

  async #runOne(batch: readonly Waiting<Input, Output>[]): Promise<void> {
    this.#running += 1;
    try {
      const outputs = await this.#run(batch.map(({ input }) => input));
      for (const [i, { resolve }] of batch.entries()) resolve(outputs[i]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#running -= 1;
    if (this.#running === 0 || this.#waiting.length >= this.#options.size) this.#start();
  }
}
