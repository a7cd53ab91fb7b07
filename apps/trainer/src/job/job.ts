/** The job that this process belongs to: a run of one process, or the ranks that a launcher of MPI has started. */
import { type Communicator, singleProcess, VggError } from '@vgg/core';
import { shareMachine } from '@vgg/engine';
import { findLauncher, joinJob, type LaunchOptions, relaunch } from '@vgg/mpi';
import { requireSameSettings } from '@vgg/train';
import { version } from '../../package.json';

/** Seconds that ranks wait for one that lives: rank 0 may be computing the statistics of millions of images. */
const LATE = 6 * 3600;

let job: Communicator = singleProcess;

/** Returns the communicator of the job that was joined. Default one process. */
export function currentJob(): Communicator {
  return job;
}

/** Starts the ranks that were asked for and returns true after their end; false if this process is to do the work itself. */
export async function startRanks({
  ranks = 1,
  ...options
}: Omit<LaunchOptions, 'ranks'> & { ranks: number | undefined }): Promise<boolean> {
  if (ranks === 1 || process.env.VGG_LAUNCHED !== undefined) return false;
  process.exitCode = await relaunch({ ranks, ...options });
  return true;
}

/** Does `work` on rank 0 before the others, which then find what it has downloaded. */
export async function afterFirst<T>(communicator: Communicator, work: () => Promise<T>): Promise<T> {
  if (communicator.rank > 0) await communicator.barrier();
  const result = await work();
  if (communicator.rank === 0) await communicator.barrier();
  return result;
}

/**
 * Joins the job if a launcher has started this process with others.
 *
 * @throws VggError `VGG_ARGUMENT` if the command cannot run on several processes, and the errors of `joinJob`.
 */
export async function enterJob(command: string, distributed: boolean): Promise<Communicator> {
  const launcher = findLauncher();
  if (launcher === undefined || launcher.size === 1) return job;
  job = await joinJob({ lateAfter: LATE });
  process.once('exit', endJobOnExit);
  // Thrown in the job, so that one rank prints it.
  if (!distributed) {
    throw new VggError('argument', `${command} runs on one process: start it without ${launcher.name}`);
  }
  await shareMachine(job);
  await requireSameSettings(job, { version });
  return job;
}

/** Ends the job on all ranks if this process ends before it has left it. */
function endJobOnExit(code: number): void {
  // After a signal the user knows why.
  if (code <= 128) {
    process.stderr.write(
      `error: rank ${job.rank} (${job.host}): ended with exit code ${code} in the middle of the job\n`,
    );
  }
  job.abort(code || 1);
}

/** Returns the number of worker threads of this process, if all of its machine are to have `workers` together. */
export function shareOfWorkers(workers: number, { localSize }: Communicator = job): number {
  return Math.ceil(workers / localSize);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Ends the whole job after an error of this process. One rank prints it: the one that failed, and if all did, the first.
 *
 * @param line message for people.
 * @param rank the failed rank that the error names, if it is another one.
 */
export async function failJob(line: string, exitCode: number, rank?: number): Promise<void> {
  if (job.size === 1) {
    process.stderr.write(`error: ${line}\n`);
    return;
  }
  if (rank !== undefined && rank !== job.rank) await sleep(3000);
  else if (job.rank > 0) await sleep(500);
  process.stderr.write(`error: rank ${job.rank} (${job.host}): ${line}\n`);
  job.abort(exitCode);
}

/** Leaves the job, after all ranks have come to their end. */
export async function leaveJob(): Promise<void> {
  if (job.size === 1) return;
  await job.close();
  process.off('exit', endJobOnExit);
}
