/** Kernels that ran on TF.js's CPU backend: on a large tensor that is a cliff, so it is counted and said once. */

/** Inputs from this many elements on are large. */
export const LARGE = 1 << 16;

export interface Fallback {
  calls: number;
  /** Elements of the largest input seen. */
  largest: number;
}

export class Fallbacks {
  readonly #kernels = new Map<string, Fallback>();
  readonly #said = new Set<string>();

  /** Counts a call; warns at a kernel's first with a large input. */
  note(kernel: string, elements: number): void {
    const { calls, largest } = this.#kernels.get(kernel) ?? { calls: 0, largest: 0 };
    this.#kernels.set(kernel, { calls: calls + 1, largest: Math.max(largest, elements) });
    if (elements < LARGE || this.#said.has(kernel)) return;
    this.#said.add(kernel);
    console.warn(`onednn: ${kernel} on ${elements} elements runs on the slow CPU backend (said once per kernel)`);
  }

  get kernels(): ReadonlyMap<string, Fallback> {
    return this.#kernels;
  }

  clear(): void {
    this.#kernels.clear();
  }
}
