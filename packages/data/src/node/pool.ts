/** Threads that do jobs: worker threads, or the calling thread if there are no workers. */
import { Worker } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import { workerFile } from '../worker-file';
import { type Job, messageOf, type Report, work } from './job';

export interface Pool {
  /** Sends a job to every thread. The threads share its samples among them. */
  post(job: Job): void;
  /**
   * Sends a job to the thread with the fewest jobs of this kind.
   * @param moved memory of the job that is moved to the thread, not copied.
   */
  postToOne(job: Job, moved?: readonly ArrayBuffer[]): void;
  /** Keeps the process alive, as `Worker.ref` does. A new pool does not. */
  ref(): void;
  /** Lets the process end, as `Worker.unref` does. */
  unref(): void;
  close(): Promise<void>;
}

/** Callbacks of a pool. */
export interface PoolEvents {
  report(report: Report): void;
  /** Called when a thread died. No more reports follow. */
  failed(error: VggError): void;
}

/** Creates a pool of `workers` threads; 0 does the jobs in the calling thread. */
export function createPool(workers: number, events: PoolEvents): Pool {
  return workers === 0 ? createOwnThreadPool(events) : new WorkerPool(workers, events);
}

function createOwnThreadPool(events: PoolEvents): Pool {
  let closed = false;
  let last = Promise.resolve();
  const post = (job: Job) => {
    last = last.then(async () => {
      if (closed) return;
      events.report(await work(job));
    });
  };
  return {
    post,
    postToOne: post,
    ref() {},
    unref() {},
    async close() {
      closed = true;
      await last;
    },
  };
}

class WorkerPool implements Pool {
  readonly #workers: Worker[];
  /** Worker of each job that one worker does. */
  readonly #alone = new Map<number, Worker>();
  #closed = false;

  constructor(count: number, events: PoolEvents) {
    const file = workerFile();
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(file);
      worker.on('message', (report: Report) => {
        this.#alone.delete(report.id);
        events.report(report);
      });
      worker.on('error', (error) => {
        events.failed(new VggError('state', `a data worker failed: ${error.message}`, { cause: error }));
      });
      worker.on('exit', (code) => {
        if (!this.#closed) events.failed(new VggError('state', `a data worker ended with code ${code}`));
      });
      worker.unref();
      return worker;
    });
  }

  post(job: Job): void {
    const message = messageOf(job);
    for (const worker of this.#workers) worker.postMessage(message);
  }

  postToOne(job: Job, moved: readonly ArrayBuffer[] = []): void {
    const busy = [...this.#alone.values()];
    const load = (worker: Worker) => busy.filter((other) => other === worker).length;
    const worker = this.#workers.reduce((least, other) => (load(other) < load(least) ? other : least));
    this.#alone.set(job.id, worker);
    worker.postMessage(messageOf(job), moved);
  }

  ref(): void {
    for (const worker of this.#workers) worker.ref();
  }

  unref(): void {
    for (const worker of this.#workers) worker.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
