/** Starts the thread of the net, so that the thread of the requests never waits for a forward pass or its garbage. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VggError } from '@vgg/core';
import type { EngineName } from '@vgg/engine';
import type { Classifier, ClassifierOptions } from './classifier';
import { askClassifier, receivedError, type SentError } from './remote';

/** Options of {@link startNetThread}. */
export interface NetOptions extends ClassifierOptions {
  /** File of the net, or the name of a published one. */
  readonly weights: string;
  readonly engine: EngineName | 'auto';
}

/** First message of the thread: the engine that was started, or the reason why the net cannot be used. */
export interface NetReport {
  readonly engine?: string | undefined;
  readonly failure?: SentError | undefined;
}

/** Returns, once the thread has ended, an error that says so. */
async function endOf(thread: Worker): Promise<VggError> {
  const code = await new Promise<number>((resolve) => thread.once('exit', resolve));
  return new VggError('state', `the thread of the net ended with exit code ${code}: start the server again`);
}

/**
 * Starts a thread that classifies. An error that ends the thread later ends the process too.
 * @param onEnd called when the thread ends later without an error and was not closed: requests would wait for it in vain.
 * @throws VggError as `startEngine`, `loadNet` and `createClassifier`; `VGG_STATE` if the thread ends before it has a net.
 */
export async function startNetThread(
  options: NetOptions,
  onEnd: (error: VggError) => void,
  file = new URL('./net-worker.js', import.meta.url),
): Promise<{ classifier: Classifier; engine: string }> {
  const thread = new Worker(file, { workerData: options });
  const end = endOf(thread);
  const early = end.then((error) => Promise.reject(error));
  const [{ engine = '', failure }] = (await Promise.race([once(thread, 'message'), early])) as [NetReport];
  if (failure !== undefined) {
    await thread.terminate();
    throw receivedError(failure);
  }
  let isClosed = false;
  end.then((error) => {
    if (!isClosed) onEnd(error);
  });
  const close = async () => {
    isClosed = true;
    await thread.terminate();
  };
  return { classifier: { classify: askClassifier(thread), close }, engine };
}
