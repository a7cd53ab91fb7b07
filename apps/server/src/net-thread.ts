/** Starts the thread of the net, so that the thread of the requests never waits for a forward pass or its garbage. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
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

/**
 * Starts a thread that classifies. An error that ends the thread later ends the process too.
 * @throws VggError as `startEngine`, `loadNet` and `createClassifier`.
 */
export async function startNetThread(
  options: NetOptions,
  file = new URL('./net-worker.js', import.meta.url),
): Promise<{ classifier: Classifier; engine: string }> {
  const thread = new Worker(file, { workerData: options });
  const [{ engine = '', failure }] = (await once(thread, 'message')) as [NetReport];
  if (failure !== undefined) {
    await thread.terminate();
    throw receivedError(failure);
  }
  const close = async () => {
    await thread.terminate();
  };
  return { classifier: { classify: askClassifier(thread), close }, engine };
}
