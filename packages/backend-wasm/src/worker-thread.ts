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

/** Longest wait in milliseconds for a worker to start. One that starts later takes its share from then on. */
const LONGEST_START = 2000;

/**
 * Starts a worker, which never keeps a process alive. Resolves when it works, or when it cannot start, for example because a
 * page's Content-Security-Policy lacks `worker-src blob:`.
 */
export async function startWorker(start: Start): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LONGEST_START);
  });
  const node = nodeModule<WorkerThreads>('worker_threads');
  try {
    await Promise.race([node === undefined ? startInBrowser(start) : startInNode(node, start), late]);
  } catch {
    // No worker: the other threads take its parts.
  } finally {
    clearTimeout(timer);
  }
}

function startInNode({ Worker }: WorkerThreads, start: Start): Promise<void> {
  const worker = new Worker(source, { eval: true, workerData: start, execArgv: [], name: 'vgg-wasm' });
  worker.unref();
  return new Promise((resolve) => {
    for (const event of ['message', 'error', 'exit'] as const) worker.once(event, resolve);
  });
}

async function startInBrowser(start: Start): Promise<void> {
  if (typeof Worker !== 'function') return;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    const worker = new Worker(url, { name: 'vgg-wasm' });
    worker.postMessage(start);
    await new Promise<void>((resolve) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        resolve();
      };
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
