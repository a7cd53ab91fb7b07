/** Live page of a run: a server in its own thread, which receives changes at most once a second. */
import { Worker } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { Progressing, ReportData } from '../data';
import { DIST_FOLDER } from '../dist-folder';
import { embeddedJson, pageAssets } from '../html';
import type { FromServer, ToServer } from './worker';

/** Port of the live page, after arXiv:1409.1556. */
export const DEFAULT_PORT = 1409;

/** Milliseconds between two updates of the curves: while a page is open, and while none is. */
const INTERVAL = 1000;
const UNSEEN_INTERVAL = 5000;
/** Milliseconds to wait for the server to end. */
const FAREWELL = 2000;

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
    // If the thread of the page fails, training continues.
    worker.on('error', () => {});
  }

  /**
   * Starts the server, for this machine only.
   *
   * @param port Default 1409, or a free port if that one is taken.
   * @throws VggError `VGG_ARGUMENT` if `port` is taken or not allowed.
   */
  static async start(port?: number): Promise<LivePage> {
    const worker = new Worker(new URL('worker.js', DIST_FOLDER), {
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
      code === 'EADDRINUSE' ? 'another program uses it' : systemReason(Object.assign(new Error(message), { code }));
    throw new VggError(
      'argument',
      `cannot use port ${port}: ${reason}; choose another, or leave it out for a free one`,
    );
  }

  #send(event: ToServer['event'], value: unknown): void {
    this.#worker.postMessage({ event, json: embeddedJson(value) } satisfies ToServer);
  }

  /** Shows a whole report. */
  report(data: ReportData): void {
    this.#send('report', data);
  }

  /** @param now called only if enough time has passed since the last update. */
  progress(now: () => Progressing): void {
    if (performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + (this.#listeners > 0 ? INTERVAL : UNSEEN_INTERVAL);
    this.#send('progress', now());
  }

  /** @param message shown on open pages before the server ends. */
  async close(message: string): Promise<void> {
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#send('end', message);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, FAREWELL).unref())]);
    await this.#worker.terminate();
  }
}
