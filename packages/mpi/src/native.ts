/** The types of what the addon exports (native/addon.cc). */
import type { WaitingTime } from '@vgg/core';

export interface NativePlace {
  rank: number;
  size: number;
  localRank: number;
  localSize: number;
  host: string;
  /** Name and version of the MPI library. */
  library: string;
}

export interface NativeOptions {
  /** Seconds. */
  lostAfter: number;
  lateAfter: number;
  spin: number;
}

export interface NativeModule {
  start(options: NativeOptions): Promise<NativePlace>;
  allReduceSum(
    result: Float32Array,
    parts: readonly Float32Array[],
    terms: number,
    partsOfRanks: Int32Array,
    merges: Int32Array,
  ): Promise<void>;
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  allGather(bytes: Uint8Array): Promise<Uint8Array[]>;
  barrier(): Promise<void>;
  close(): Promise<void>;
  abort(exitCode: number): never;
  waiting(): WaitingTime;
}
