/** Errors of a device. WebGPU reports them later than the call and throws none: the first is kept and thrown at reads. */
import { VggError } from '@vgg/core';

/** The first line of what Dawn says, without its back references. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0]!.trim();
}

export class DeviceErrors {
  #first: VggError | undefined;
  readonly #pending = new Set<Promise<void>>();
  /** True once the backend is disposed, which ends the device too. */
  closed = false;
  /** The operation that was recorded last. */
  #last = 'the first operation';

  constructor(readonly device: GPUDevice) {
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      const [operation, { message }] = [`after ${this.#last}`, event.error];
      // Errors with the name of their operation, whose promises may be later, come first.
      this.#keep(Promise.all(this.#pending).then(() => this.note(operation, message)));
    });
    device.lost.then(({ reason, message }) => {
      if (!this.closed) this.note(`after ${this.#last}`, `the device was lost (${firstLine(message) || reason})`);
    });
  }

  /** Names the operation that is recorded now, for errors that come without one. */
  set last(operation: string) {
    this.#last = operation;
  }

  /** Keeps an error, if it is the first: later ones follow from it. */
  note(operation: string, message: string, remedy = 'what was computed since is not valid: start again'): void {
    this.#first ??= new VggError('backend', `webgpu: ${operation}: ${firstLine(message)}; ${remedy}`);
  }

  /** Runs WebGPU calls and keeps their errors under the name of the operation. */
  scoped<T>(operation: () => string, filters: readonly GPUErrorFilter[], calls: () => T): T {
    for (const filter of filters) this.device.pushErrorScope(filter);
    try {
      return calls();
    } finally {
      // The scope opened last is closed first.
      for (const filter of [...filters].reverse()) this.#await(operation, filter);
    }
  }

  #await(operation: () => string, filter: GPUErrorFilter): void {
    const scope = this.device.popErrorScope().then(
      (error) => {
        if (error === null) return;
        if (filter === 'out-of-memory') this.note(operation(), 'out of memory', 'use a smaller batch');
        else this.note(operation(), error.message);
      },
      // The device is lost, which is noted by itself.
      () => {},
    );
    this.#keep(scope);
  }

  #keep(pending: Promise<void>): void {
    const kept = pending.then(() => void this.#pending.delete(kept));
    this.#pending.add(kept);
  }

  /** Throws the first error that is known. */
  check(): void {
    if (this.#first !== undefined) throw this.#first;
  }

  /** Waits for the errors of all calls made so far and throws the first. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    this.check();
  }
}
