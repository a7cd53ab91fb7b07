/** Times of operations by the device's timestamps. */
import type { Recording } from './runner';

export interface KernelTime {
  /** Kernel and shapes. */
  name: string;
  calls: number;
  /** Milliseconds on the device in all calls. */
  ms: number;
}

/** Operations of one query set; WebGPU allows 4096 queries. */
const CAPACITY = 2048;

export class Profiler {
  on = false;
  #set: GPUQuerySet | undefined;
  #names: string[] = [];
  #reads: Promise<void>[] = [];
  #times = new Map<string, KernelTime>();

  constructor(
    readonly device: GPUDevice,
    readonly recording: Recording,
  ) {}

  /** Starts measuring from zero, or stops. A device without timestamps measures nothing. */
  start(on: boolean): void {
    this.on = on && this.device.features.has('timestamp-query');
    if (!on) return;
    this.#names = [];
    this.#times = new Map();
  }

  /** The compute pass that measures one operation. */
  pass(name: string): GPUComputePassDescriptor {
    if (this.#names.length === CAPACITY) this.#collect();
    this.#set ??= this.device.createQuerySet({ type: 'timestamp', count: 2 * CAPACITY });
    const at = 2 * this.#names.length;
    this.#names.push(name);
    return {
      timestampWrites: { querySet: this.#set, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
    };
  }

  #collect(): void {
    const names = this.#names;
    this.#names = [];
    if (names.length === 0 || this.#set === undefined) return;
    const size = names.length * 16;
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    const resolved = this.device.createBuffer({ size, usage });
    const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const { recording } = this;
    recording.ensureCommandEncoderReady();
    recording.endComputePassEncoder();
    recording.commandEncoder!.resolveQuerySet(this.#set, 0, 2 * names.length, resolved, 0);
    recording.commandEncoder!.copyBufferToBuffer(resolved, 0, staging, 0, size);
    recording.submitQueue();
    this.#reads.push(
      staging.mapAsync(GPUMapMode.READ).then(() => {
        const stamps = new BigUint64Array(staging.getMappedRange());
        names.forEach((name, i) => {
          const ms = Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6;
          const { calls, ms: sum } = this.#times.get(name) ?? { calls: 0, ms: 0 };
          this.#times.set(name, { name, calls: calls + 1, ms: sum + ms });
        });
        staging.destroy();
        resolved.destroy();
      }),
    );
  }

  /** Operations measured so far, the longest first. */
  async times(): Promise<KernelTime[]> {
    this.#collect();
    await Promise.all(this.#reads);
    this.#reads = [];
    return [...this.#times.values()].sort((a, b) => b.ms - a.ms);
  }
}
