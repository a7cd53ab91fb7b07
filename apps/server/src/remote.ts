/** A classifier in another thread: images and their classes as messages of a port. */
import type { MessagePort } from 'node:worker_threads';
import { ERROR_CODES, isVggError, VggError, type VggErrorKind } from '@vgg/core';
import type { Guess } from '@vgg/vgg/node';
import type { Classifier } from './classifier';

/** Message to the thread of the net: an image to classify. Without an image, the caller has stopped waiting for that id. */
interface Question {
  readonly id: number;
  readonly image?: Uint8Array | undefined;
}

/** Error as a message. Node's own copy of a VggError would lose its code. */
export interface SentError {
  readonly kind?: VggErrorKind | undefined;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** Message from the thread of the net. */
interface Answer {
  readonly id: number;
  readonly classes?: Guess[] | undefined;
  readonly error?: SentError | undefined;
}

/** Returns an error as a message. */
export function sentError(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!isVggError(error)) return { message, stack };
  const kinds = Object.keys(ERROR_CODES) as VggErrorKind[];
  return { kind: kinds.find((kind) => ERROR_CODES[kind] === error.code), message, stack };
}

/** Returns the error of a message. */
export function receivedError({ kind, message, stack }: SentError): Error {
  const error = kind === undefined ? new Error(message) : new VggError(kind, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** Answers the questions of a port in the thread of the net. */
export function serveClassifier(port: MessagePort, classifier: Classifier): void {
  const stops = new Map<number, AbortController>();
  port.on('message', async ({ id, image }: Question) => {
    if (image === undefined) return stops.get(id)?.abort();
    const stop = new AbortController();
    stops.set(id, stop);
    const answer = await classifier.classify(image, stop.signal).then(
      (classes): Answer => ({ id, classes }),
      (error: unknown): Answer => ({ id, error: sentError(error) }),
    );
    stops.delete(id);
    port.postMessage(answer);
  });
}

/** Side of a port that asks: a `Worker` or a `MessagePort`. */
interface AskingPort {
  on(event: 'message', listener: (answer: Answer) => void): unknown;
  postMessage(question: Question, moved?: readonly ArrayBuffer[]): void;
}

/** Functions that settle the promise of an image. */
interface Waiting {
  readonly resolve: (classes: Guess[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** Returns the function that classifies by the classifier behind a port. */
export function askClassifier(port: AskingPort): Classifier['classify'] {
  const waiting = new Map<number, Waiting>();
  let images = 0;
  port.on('message', ({ id, classes, error }) => {
    // The caller of an image may have stopped waiting.
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(classes!);
    else reject?.(receivedError(error));
  });
  return (image, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const id = images++;
      waiting.set(id, { resolve, reject });
      const stop = () => {
        if (!waiting.delete(id)) return;
        reject(signal!.reason);
        port.postMessage({ id });
      };
      signal?.addEventListener('abort', stop, { once: true });
      // The copy is moved. The bytes of a request may be a part of a buffer that others use.
      const bytes = new Uint8Array(image);
      port.postMessage({ id, image: bytes }, [bytes.buffer]);
    });
}
