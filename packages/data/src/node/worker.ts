/** The worker thread: does the jobs it is sent in turn and reports each. `null` ends it. */
import { parentPort } from 'node:worker_threads';
import { type Job, work } from './job';

let last = Promise.resolve();

parentPort!.on('message', (job: Job | null) => {
  if (job === null) {
    parentPort!.close();
    return;
  }
  last = last.then(async () => parentPort!.postMessage(await work(job)));
});
