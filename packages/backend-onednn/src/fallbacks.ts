/** Calls of TF.js's CPU kernels. These are slow on large tensors, so calls are counted and each kernel warns once. */

/** Smallest number of elements of a large input. */
export const LARGE = 1 << 16;

export interface Fallback {
  calls: number;
  /** Number of elements of the largest input so far. */
  largest: number;
}

export class Fallbacks {
  readonly #kernels = new Map<string, Fallback>();
  readonly #warned = new Set<string>();

  /** Counts a call. Warns at a kernel's first call with a large input. */
  note(kernel: string, elements: number): void {
    const { calls, largest } = this.#kernels.get(kernel) ?? { calls: 0, largest: 0 };
    this.#kernels.set(kernel, { calls: calls + 1, largest: Math.max(largest, elements) });
    if (elements < LARGE || this.#warned.has(kernel)) return;
    this.#warned.add(kernel);
    console.warn(`onednn: ${kernel} on ${elements} elements runs on the slow CPU backend (shown once per kernel)`);
  }

  get kernels(): ReadonlyMap<string, Fallback> {
    return this.#kernels;
  }

  clear(): void {
    this.#kernels.clear();
  }
}
