/**
 * Communication among the processes of one training job: the collective operations that the paper's synchronous data
 * parallelism (section 3.3) needs. A job of one process needs none.
 */

/**
 * Collective operations among `size` processes. Every process must make the same calls in the same order with buffers
 * of the same length; a call resolves on a process when its own buffer is ready to use.
 */
export interface Communicator {
  /** Number of this process, from 0 to `size - 1`. Rank 0 writes files and reports. */
  readonly rank: number;
  /** Number of processes, at least 1. */
  readonly size: number;
  /** Replaces `buffer` on every process by the element-wise sum over all processes, with the same bits on each. */
  allReduceSum(buffer: Float32Array): Promise<void>;
  /** Replaces `buffer` on every process by that of `root`. */
  broadcast(buffer: Float32Array, root: number): Promise<void>;
  /** Resolves once every process has called it. */
  barrier(): Promise<void>;
  /** Leaves the job. No other call may follow. */
  close(): Promise<void>;
}

/** Communicator of a job with one process: every operation leaves its buffer unchanged. */
export const singleProcess: Communicator = Object.freeze({
  rank: 0,
  size: 1,
  async allReduceSum() {},
  async broadcast() {},
  async barrier() {},
  async close() {},
});
