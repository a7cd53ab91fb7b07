/** The threads that do jobs: workers, or with none of them this thread itself. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import { type Job, messageOf, type Report, work } from './job';

export interface Pool {
  /** Offers a job to every thread. */
  post(job: Job): void;
  /** Whether somebody waits for a report: only then do the threads keep the process alive. */
  awaited(yes: boolean): void;
  close(): Promise<void>;
}

/** What a pool tells its owner. */
export interface PoolEvents {
  report(report: Report): void;
  /** A thread died: nothing more will come. */
  failed(error: VggError): void;
}

/** The built worker: beside this module in `dist`, or there seen from the sources. */
function workerFile(): URL {
  const here = new URL(import.meta.url);
  const url = new URL(here.pathname.endsWith('.ts') ? '../../dist/worker.js' : './worker.js', here);
  if (existsSync(fileURLToPath(url))) return url;
  throw new VggError('state', `the data worker ${fileURLToPath(url)} is missing: build @vgg/data, or use workers: 0`);
}

export function createPool(workers: number, events: PoolEvents): Pool {
  return workers === 0 ? ownThread(events) : new WorkerPool(workers, events);
}

function ownThread(events: PoolEvents): Pool {
  let closed = false;
  let last = Promise.resolve();
  return {
    post(job) {
      last = last.then(async () => {
        if (closed) return;
        events.report(await work(job));
      });
    },
    awaited() {},
    async close() {
      closed = true;
      await last;
    },
  };
}

class WorkerPool implements Pool {
  readonly #workers: Worker[];
  #closed = false;

  constructor(count: number, events: PoolEvents) {
    const file = workerFile();
    this.#workers = Array.from({ length: count }, () => {
      const worker = new Worker(file);
      worker.on('message', (report: Report) => events.report(report));
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

  awaited(yes: boolean): void {
    for (const worker of this.#workers) yes ? worker.ref() : worker.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
