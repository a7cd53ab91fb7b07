/** The `Communicator` of `@vgg/core` over MPI. */
import {
  type Communicator,
  checkTerms,
  type SumPlan,
  type SumTerms,
  sumPlan,
  VggError,
  type WaitingTime,
} from '@vgg/core';
import { findLauncher, type Launcher } from './launcher';
import { loadNative } from './load';
import type { NativeModule, NativePlace } from './native';

export interface MpiOptions {
  /** Seconds without a sign of life after which a rank counts as lost and the job ends. Default 5. */
  lostAfter?: number | undefined;
  /** Seconds for which ranks wait for one that lives but does not come to a call. Default 1800. */
  lateAfter?: number | undefined;
  /** Seconds that a process waits at the start until all have joined. Default 300. */
  joinAfter?: number | undefined;
}

/** The communicator of a process that MPI's launcher has started. */
export interface MpiCommunicator extends Communicator {
  /** Name and version of the MPI library: 'Open MPI v4.1.4, …'. */
  readonly library: string;
  /** Name of the launcher for people. */
  readonly launcher: string;
}

/** Native failures are about the job: they are errors of its state. */
async function run<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw new VggError('state', (cause as Error).message, { cause });
  }
}

class Mpi implements MpiCommunicator {
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly localSize: number;
  readonly host: string;
  readonly library: string;
  readonly launcher: string;
  readonly #native: NativeModule;
  readonly #plans = new Map<number, SumPlan>();
  #closed = false;

  constructor(native: NativeModule, place: NativePlace, launcher: string) {
    this.rank = place.rank;
    this.size = place.size;
    this.localRank = place.localRank;
    this.localSize = place.localSize;
    this.host = place.host;
    this.library = place.library.split('\n')[0]!;
    this.launcher = launcher;
    this.#native = native;
  }

  async allReduceSum(result: Float32Array, terms: SumTerms = { count: this.size, parts: [result] }): Promise<void> {
    this.#checkOpen();
    checkTerms(result, terms, this.rank, this.size);
    const { parts, merges } = this.#planOf(terms.count);
    await run(this.#native.allReduceSum(result, terms.parts, terms.count, parts, merges));
  }

  async broadcast(buffer: Uint8Array | Float32Array, root: number): Promise<void> {
    this.#checkOpen();
    if (!Number.isInteger(root) || root < 0 || root >= this.size) {
      throw new VggError('argument', `expected a root from 0 to ${this.size - 1}, got ${root}`);
    }
    await run(this.#native.broadcast(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength), root));
  }

  async allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    this.#checkOpen();
    return await run(this.#native.allGather(bytes));
  }

  async barrier(): Promise<void> {
    this.#checkOpen();
    await run(this.#native.barrier());
  }

  waiting(): WaitingTime {
    return this.#native.waiting();
  }

  abort(exitCode: number): never {
    return this.#native.abort(exitCode);
  }

  async close(): Promise<void> {
    this.#checkOpen();
    this.#closed = true;
    await run(this.#native.close());
  }

  #checkOpen(): void {
    if (this.#closed) throw new VggError('state', 'this process has left the job: no call may follow close()');
  }

  #planOf(count: number): SumPlan {
    const plan = this.#plans.get(count) ?? sumPlan(count, this.size);
    this.#plans.set(count, plan);
    return plan;
  }
}

/** Throws if MPI sees fewer processes than the launcher has started: each would run the whole job by itself. */
function checkSize(launcher: Launcher, { size, library }: NativePlace): void {
  if (launcher.size === undefined || launcher.size === size) return;
  throw new VggError(
    'state',
    `${launcher.name} started ${launcher.size} processes, but MPI (${library.split('\n')[0]}) sees ${size}: ` +
      'use the mpirun of the MPI that @vgg/mpi was built for, or build it for this one',
  );
}

let joined: Promise<MpiCommunicator> | undefined;

/**
 * Joins the job that this process was started for, by mpirun, mpiexec or srun. A process joins once; later calls return the
 * same communicator.
 *
 * A rank that gives no sign of life, and one that does not come to a call in time, end the job on all ranks: the call at
 * hand fails with a `VGG_STATE` error that names the rank and its machine, and a process that does not end within 1 s is
 * ended with exit code 1 after that line was written to stderr.
 *
 * @throws VggError `VGG_STATE` if no launcher has started this process or it is of another MPI, `VGG_BACKEND` if there is
 *   no binary for its MPI.
 */
export function joinJob(options: MpiOptions = {}): Promise<MpiCommunicator> {
  joined ??= join(options);
  return joined;
}

/** Throws if the processes do not find each other in time: no process watches over one that stops before it has joined. */
async function inTime(place: Promise<NativePlace>, seconds: number): Promise<NativePlace> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `not all ranks have joined the job within ${seconds} s: one of them has stopped, or cannot be reached`;
    timer = setTimeout(() => reject(new VggError('state', message)), seconds * 1000);
  });
  return await Promise.race([place, late]).finally(() => clearTimeout(timer));
}

async function join({ lostAfter = 5, lateAfter = 1800, joinAfter = 300 }: MpiOptions): Promise<MpiCommunicator> {
  const launcher = findLauncher();
  if (launcher === undefined) {
    throw new VggError('state', 'expected a process that mpirun, mpiexec or srun has started: start it by one of them');
  }
  // Under MPICH, the hooks of UCX 1.13 on brk and mmap take memory of V8 away: one start in ten ended by a segmentation fault.
  // Read when the library is loaded.
  process.env.UCX_MEM_EVENTS ??= 'n';
  const native = loadNative(launcher.libraries, launcher.name);
  const place = await inTime(run(native.start({ lostAfter, lateAfter, spin: 300e-6 })), joinAfter);
  checkSize(launcher, place);
  return new Mpi(native, place, launcher.name);
}
