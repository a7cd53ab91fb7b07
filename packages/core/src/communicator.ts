/**
 * How the processes of one training job speak to each other. The paper's synchronous data parallelism (section 3.3) needs
 * three collective operations; `@vgg/mpi` implements them over MPI, and one process needs none.
 */

/**
 * Collective operations among `size` processes. Every process must make the same calls in the same order with buffers of
 * the same length; a call resolves on a process when its own buffer is ready to use.
 */
export interface Communicator {
  /** This process's number, from 0 to `size - 1`. Rank 0 writes files and reports. */
  readonly rank: number;
  /** How many processes take part, at least 1. */
  readonly size: number;
  /** Replaces `buffer` on every process by the element-wise sum over all processes. The result has the same bits on each. */
  allReduceSum(buffer: Float32Array): Promise<void>;
  /** Replaces `buffer` on every process by that of `root`. */
  broadcast(buffer: Float32Array, root: number): Promise<void>;
  /** Resolves once every process has called it. */
  barrier(): Promise<void>;
  /** Leaves the job. No other call may follow. */
  close(): Promise<void>;
}

/** The communicator of a job with one process: every operation is the identity. */
export const singleProcess: Communicator = Object.freeze({
  rank: 0,
  size: 1,
  async allReduceSum() {},
  async broadcast() {},
  async barrier() {},
  async close() {},
});
