/** The types of what the addon exports (native/addon.cc). */

/** Element types by the numbers of native/tensor.h. */
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
  /** Bytes and number of the buffers that tensors hold. */
  bytesInUse: number;
  buffersInUse: number;
  /** The most bytes in use at once since the beginning. */
  peakBytesInUse: number;
  /** Bytes kept for reuse. */
  bytesHeld: number;
  cachedPrimitives: number;
  /** Operations that wait for the compute thread. */
  queued: number;
}

/** What operations of one kind and shape have taken. */
export interface KernelTime {
  /** Kernel, shapes of its inputs, shapes of its outputs: 'Conv2D [8,224,224,3] [3,3,3,64] [64] -> [8,224,224,64]'. */
  operation: string;
  calls: number;
  seconds: number;
  /** Of the compute thread alone: without the time in which another program had its processor. */
  processorSeconds: number;
  /** Within oneDNN's own primitives. */
  primitiveSeconds: number;
}

export interface NativeEnvironment {
  /** Where an operation is written before `submit`. */
  readonly commands: Float64Array;
  submit(length: number): void;
  upload(id: number, type: number, values: ArrayBufferView): void;
  release(id: number): void;
  readSync(id: number): ArrayBuffer;
  read(id: number): Promise<ArrayBuffer>;
  drain(): void;
  trim(): void;
  statistics(): NativeStatistics;
  profile(on: boolean): void;
  times(): KernelTime[];
  close(): void;
}

export interface NativeModule {
  Environment: new (options: NativeOptions) => NativeEnvironment;
  /** Names of the kernels; their places are their numbers. */
  kernels: readonly string[];
  /** Of oneDNN: '2.6.3'. */
  version: string;
  /** Whether oneDNN has instructions for bfloat16 on this processor, and whether these are AMX's tiles. */
  bf16: boolean;
  amx: boolean;
}
