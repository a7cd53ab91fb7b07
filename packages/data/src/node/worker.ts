/** Entry point of the worker thread: does the jobs that it receives one after another, and sends a report of each. */
import { parentPort } from 'node:worker_threads';
import { type JobMessage, jobOf, work } from './job';

let last = Promise.resolve();

parentPort!.on('message', (message: JobMessage) => {
  last = last.then(async () => parentPort!.postMessage(await work(jobOf(message))));
});
