/** Errors of a device. WebGPU reports them later than the call and throws none: the first is kept and thrown at reads. */
import { VggError } from '@vgg/core';

/** The first line of what Dawn says, without its back references. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0]!.trim();
}

export class DeviceErrors {
  #first: VggError | undefined;
  readonly #pending = new Set<Promise<void>>();
  /** The operation that was recorded last. */
  #last = 'the first operation';

  constructor(readonly device: GPUDevice) {
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.note(`after ${this.#last}`, event.error.message);
    });
    device.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.note(`after ${this.#last}`, `the device was lost (${firstLine(message)})`);
    });
  }

  /** Names the operation that is recorded now, for errors that come without one. */
  set last(operation: string) {
    this.#last = operation;
  }

  /** Keeps an error, if it is the first: later ones follow from it. */
  note(operation: string, message: string): void {
    this.#first ??= new VggError(
      'backend',
      `webgpu: ${operation}: ${firstLine(message)}; what was computed since is not valid: start again`,
    );
  }

  /** Runs WebGPU calls and keeps their errors under the name of the operation. */
  scoped<T>(operation: () => string, filters: readonly GPUErrorFilter[], calls: () => T): T {
    for (const filter of filters) this.device.pushErrorScope(filter);
    try {
      return calls();
    } finally {
      for (const _ of filters) this.#await(operation);
    }
  }

  #await(operation: () => string): void {
    const scope = this.device
      .popErrorScope()
      .then(
        (error) => {
          if (error !== null) this.note(operation(), error.message);
        },
        // The device is lost, which is noted by itself.
        () => {},
      )
      .then(() => void this.#pending.delete(scope));
    this.#pending.add(scope);
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
