/** Starts workers in Node and in browsers, without a file of their own. */
/// <reference path="./wasm.d.ts" />
import type { Start } from './protocol';
import source from './worker.source';

/** The part of Node's `worker_threads` that is used. */
interface WorkerThreads {
  Worker: new (
    source: string,
    options: { eval: true; workerData: Start; execArgv: string[]; name: string },
  ) => {
    once(event: 'message' | 'error' | 'exit', listener: () => void): void;
    unref(): void;
  };
}

interface Os {
  availableParallelism(): number;
}

/** Returns a module of Node, or `undefined` in a browser. Bundlers see no import. */
function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.(name) as T | undefined;
}

/** Returns the number of threads that this machine runs at the same time. */
export function coresHere(): number {
  const os = nodeModule<Os>('os');
  if (os !== undefined) return os.availableParallelism();
  return typeof navigator === 'undefined' ? 1 : (navigator.hardwareConcurrency ?? 1);
}

/**
 * Starts a worker, which never keeps a process alive. Resolves when it works, or when it cannot start, for example because a
 * page's Content-Security-Policy lacks `worker-src blob:`.
 */
export function startWorker(start: Start): Promise<void> {
  return new Promise((resolve) => {
    const done = () => resolve();
    try {
      const node = nodeModule<WorkerThreads>('worker_threads');
      if (node !== undefined) {
        const options = {
          eval: true as const,
          workerData: start,
          execArgv: [],
          name: 'vgg-wasm',
        } satisfies ConstructorParameters<WorkerThreads['Worker']>[1];
        const worker = new node.Worker(source, options);
        for (const event of ['message', 'error', 'exit'] as const) worker.once(event, done);
        worker.unref();
      } else if (typeof Worker === 'function') {
        const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
        const worker = new Worker(url, { name: 'vgg-wasm' });
        worker.onmessage = done;
        worker.onerror = (event) => {
          event.preventDefault();
          done();
        };
        worker.postMessage(start);
        setTimeout(() => URL.revokeObjectURL(url), LONGEST_START);
      } else done();
    } catch {
      done();
    }
    setTimeout(done, LONGEST_START);
  });
}

/** Longest wait in milliseconds for a worker to start. One that starts later takes its share from then on. */
const LONGEST_START = 2000;
