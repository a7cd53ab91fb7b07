/**
 * Communication among the processes of one training job: the collective operations that the paper's synchronous data
 * parallelism (section 3.3) needs. `@vgg/mpi` implements them over MPI. A job of one process needs none.
 */
import { VggError } from './errors';
import { nodesOf, shareOf } from './sum-order';

/** Partial sums of one rank, where a sum has another number of terms than the job has ranks. */
export interface SumTerms {
  /** Number of terms of all ranks together. */
  count: number;
  /**
   * Partial sums of the terms of `shareOf(count, rank, size)`: one for each node of `nodesOf`, each as long as the result.
   * `TreeSum` makes them. They are not changed, except one that is the result too.
   */
  parts: readonly Float32Array[];
}

/** Time that a process has spent waiting for others. */
export interface WaitingTime {
  /** Seconds from the start of calls until the last rank had come to them. */
  seconds: number;
  /** The same seconds by the rank that came last, [size]. */
  byRank: readonly number[];
}

/**
 * Collective operations among `size` processes. Every process must make the same calls in the same order with buffers of
 * the same length; a call resolves on a process when its own buffer is ready to use. Ranks that disagree fail with a
 * `VGG_STATE` error that names them.
 */
export interface Communicator {
  /** Number of this process, from 0 to `size - 1`. Rank 0 writes files and reports. */
  readonly rank: number;
  /** Number of processes, at least 1. */
  readonly size: number;
  /** Number of this process among those of its machine, from 0 to `localSize - 1`. */
  readonly localRank: number;
  /** Number of the job's processes on this machine, at least 1. */
  readonly localSize: number;
  /** Name of this machine. */
  readonly host: string;
  /**
   * Replaces `result` on every process by the element-wise sum of all terms, added in the order of `nodesOf`: the bits are
   * the same on all ranks and for any number of ranks.
   *
   * @param terms Default: one term per rank, its `result`.
   */
  allReduceSum(result: Float32Array, terms?: SumTerms): Promise<void>;
  /** Replaces `buffer` on every process by that of `root`. */
  broadcast(buffer: Uint8Array | Float32Array, root: number): Promise<void>;
  /** Returns the bytes of every rank, in the order of ranks. Their lengths may differ. */
  allGather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Resolves once every process has called it. */
  barrier(): Promise<void>;
  /** Returns the time spent waiting for other ranks so far. */
  waiting(): WaitingTime;
  /** Ends all processes of the job at once with this exit code. Does not return. */
  abort(exitCode: number): never;
  /** Leaves the job, once every process has called it. No other call may follow. */
  close(): Promise<void>;
}

/**
 * Throws unless the partial sums are those of a rank's share.
 * @throws VggError `VGG_ARGUMENT`.
 */
export function checkTerms(result: Float32Array, { count, parts }: SumTerms, rank: number, size: number): void {
  const expected = nodesOf(count, shareOf(count, rank, size)).length;
  if (parts.length === expected && parts.every(({ length }) => length === result.length)) return;
  throw new VggError(
    'argument',
    `expected ${expected} partial sum(s) of ${result.length} numbers from rank ${rank} of ${size} for ${count} terms, ` +
      `got ${parts.length} of ${parts.map(({ length }) => length).join(', ')}: make them by TreeSum`,
  );
}

/** The communicator of a job with one process. */
export const singleProcess: Communicator = Object.freeze({
  rank: 0,
  size: 1,
  localRank: 0,
  localSize: 1,
  host: 'localhost',
  async allReduceSum(result, terms) {
    if (terms === undefined) return;
    checkTerms(result, terms, 0, 1);
    result.set(terms.parts[0] ?? []);
  },
  async broadcast() {},
  async allGather(bytes) {
    return [bytes.slice()];
  },
  async barrier() {},
  waiting: () => ({ seconds: 0, byRank: [0] }),
  abort(exitCode) {
    throw new VggError('state', `the job ends with exit code ${exitCode}`);
  },
  async close() {},
} satisfies Communicator);
