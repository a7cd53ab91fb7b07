/** Types of the addon's exports (native/addon.cc). */

/** Numbers of the element types, as in native/tensor.h. */
export const TYPES = { float32: 0, int32: 1, bool: 2 } as const;
export type NativeType = keyof typeof TYPES;

export interface NativeOptions {
  threads: number;
  memoryLimit: number;
  cacheLimit: number;
  poison: boolean;
  synchronous: boolean;
  precision: 'float32' | 'bfloat16' | 'bfloat16-fast';
}

export interface NativeStatistics {
  /** Number of bytes in the buffers that tensors hold. */
  bytesInUse: number;
  /** Number of buffers that tensors hold. */
  buffersInUse: number;
  /** Largest number of bytes in use at once so far. */
  peakBytesInUse: number;
  /** Number of bytes held for reuse. */
  bytesHeld: number;
  cachedPrimitives: number;
  /** Number of operations that wait for the compute thread. */
  queued: number;
  /** True while threads sleep as soon as they wait for each other, because other programs need the processors. */
  sleeps: boolean;
}

/** Total time of the operations of one kernel with the same shapes. */
export interface KernelTime {
  /**
   * Kernel, shapes of its inputs, shapes of its outputs, for example 'Conv2D [8,224,224,3] [3,3,3,64] [64] ->
   * [8,224,224,64]'.
   */
  operation: string;
  calls: number;
  seconds: number;
  /** Processor time of the compute thread, without the time in which another program used its processor. */
  processorSeconds: number;
  /** Time inside oneDNN's own primitives. */
  primitiveSeconds: number;
}

export interface NativeEnvironment {
  /** Array into which an operation is written before `submit`. */
  readonly commands: Float64Array;
  submit(length: number): void;
  upload(id: number, type: number, values: ArrayBufferView): void;
  release(id: number): void;
  readSync(id: number): ArrayBuffer;
  read(id: number): Promise<ArrayBuffer>;
  lend(id: number): Promise<ArrayBuffer>;
  lendNew(id: number, count: number): ArrayBuffer;
  takeBack(memory: ArrayBuffer): void;
  drain(): void;
  trim(): void;
  statistics(): NativeStatistics;
  profile(on: boolean): void;
  times(): KernelTime[];
  close(): void;
}

export interface NativeModule {
  Environment: new (options: NativeOptions) => NativeEnvironment;
  /** Names of the kernels. A kernel's index is its number. */
  kernels: readonly string[];
  /** Version of oneDNN, for example '2.6.3'. */
  version: string;
  /** True if oneDNN has instructions for bfloat16 on this processor. */
  bf16: boolean;
  /** True if kernels are chosen as for a processor with AMX: it has AMX, or `VGG_ONEDNN_AMX=1` asks for it. */
  amx: boolean;
  /**
   * Returns for each measurement whether threads would sleep at once after it. A measurement is a pair: seconds of work, and
   * the average number of threads that waited for a processor.
   */
  sleepsAfter(measurements: readonly (readonly [seconds: number, waiting: number])[]): boolean[];
}
