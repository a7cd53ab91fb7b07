/** The worker thread: does the jobs it is sent in turn and reports each. `null` ends it. */
import { parentPort } from 'node:worker_threads';
import { type JobMessage, jobOf, work } from './job';

let last = Promise.resolve();

parentPort!.on('message', (message: JobMessage | null) => {
  if (message === null) {
    parentPort!.close();
    return;
  }
  last = last.then(async () => parentPort!.postMessage(await work(jobOf(message))));
});
