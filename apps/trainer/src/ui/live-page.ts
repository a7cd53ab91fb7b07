/** The live page of a run: a server in a thread of its own, told of what changes at most once a second. */
import { Worker } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { Progressing, ReportData } from '../report/data';
import { embeddedJson, pageAssets } from '../report/html';
import type { FromServer, ToServer } from './worker';

/** arXiv:1409.1556. */
export const DEFAULT_PORT = 1409;

/** Between two updates of the curves, in milliseconds: while somebody looks, and for whoever comes next. */
const INTERVAL = 1000;
const UNSEEN_INTERVAL = 5000;

export class LivePage {
  readonly url: string;
  readonly #worker: Worker;
  #listeners = 0;
  #nextAt = 0;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.url = `http://127.0.0.1:${port}/`;
    worker.on('message', (message: FromServer) => {
      if (message.kind !== 'listeners') return;
      if (message.count > this.#listeners) this.#nextAt = 0;
      this.#listeners = message.count;
    });
    // The page is a convenience: if its thread dies, training goes on.
    worker.on('error', () => {});
  }

  /**
   * Starts the server.
   * @param port the one asked for; 1409 unless given, or a free one where that is taken.
   * @throws VggError `VGG_ARGUMENT` when the port asked for cannot be had.
   */
  static async start(port?: number): Promise<LivePage> {
    const worker = new Worker(new URL('./ui-worker.js', import.meta.url), {
      workerData: { port: port ?? DEFAULT_PORT, orFree: port === undefined, assets: await pageAssets() },
    });
    const first = await new Promise<FromServer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.removeAllListeners('error');
    if (first.kind === 'listening') return new LivePage(worker, first.port);
    await worker.terminate();
    const { code, message } = first as Extract<FromServer, { kind: 'failed' }>;
    const reason =
      code === 'EADDRINUSE' ? 'another program has it' : systemReason(Object.assign(new Error(message), { code }));
    throw new VggError('argument', `--ui-port ${port}: ${reason}; choose another, or leave it out for a free one`);
  }

  #send(event: ToServer['event'], value: unknown): void {
    this.#worker.postMessage({ event, json: embeddedJson(value) } satisfies ToServer);
  }

  report(data: ReportData): void {
    this.#send('report', data);
  }

  /** @param now asked only when enough time has passed. */
  progress(now: () => Progressing): void {
    if (performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + (this.#listeners > 0 ? INTERVAL : UNSEEN_INTERVAL);
    this.#send('progress', now());
  }

  /** Says good-bye to the pages, and ends. */
  async close(words: string): Promise<void> {
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#send('end', words);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    await this.#worker.terminate();
  }
}
