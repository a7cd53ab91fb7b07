/** The program of a worker: takes parts of jobs until it is stopped. The build embeds it as text. */
import {
  ACTIVE,
  CLOSED,
  COUNT,
  FAILED,
  IMPORTS,
  JOB,
  KERNEL,
  KERNELS,
  LOOK,
  PARTS,
  READY,
  STOP,
  type Start,
  takePart,
  viewsOf,
} from './protocol';

/** The globals of a worker that are used: the first in Node, the second in a browser. */
declare const process:
  | { getBuiltinModule(name: string): { workerData: Start; parentPort: { postMessage(text: string): void } } }
  | undefined;
declare const self: { onmessage: (event: { data: Start }) => void; postMessage(text: string): void };

function work({ module, memory, control, slot }: Start, ready: () => void): void {
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, ...IMPORTS });
  const kernels = KERNELS.map((name) => exports[name] as (...args: number[]) => void);
  const { words, numbers } = viewsOf(control);
  let last = CLOSED;
  Atomics.add(words, READY, 1);
  ready();
  for (;;) {
    const found = Atomics.load(words, JOB);
    if (found === STOP) return;
    if (found === CLOSED || found === last) {
      awaitChange(words, found);
      continue;
    }
    Atomics.add(words, ACTIVE, 1);
    // The job may have ended before this thread was counted: only what is open now may be read.
    const job = Atomics.load(words, JOB);
    if (job !== CLOSED && job !== STOP) {
      const args: number[] = [...numbers.subarray(0, words[COUNT]!), 0, words[PARTS]!, slot];
      const kernel = kernels[words[KERNEL]!]!;
      try {
        takeParts(words, args, kernel, slot);
      } catch {
        Atomics.store(words, FAILED, 1);
      }
      last = job;
    }
    if (Atomics.sub(words, ACTIVE, 1) === 1) Atomics.notify(words, ACTIVE);
  }
}

function takeParts(words: Int32Array, args: number[], kernel: (...args: number[]) => void, slot: number): void {
  const parts = words[PARTS]!;
  for (let part = takePart(words, parts, slot); part !== undefined; part = takePart(words, parts, slot)) {
    args[args.length - 3] = part;
    kernel(...args);
  }
}

/** Looks for another job for a short time, then sleeps until there is one. */
function awaitChange(words: Int32Array, found: number): void {
  const end = performance.now() + LOOK;
  while (performance.now() < end) {
    for (let i = 0; i < 64; i++) if (Atomics.load(words, JOB) !== found) return;
  }
  Atomics.wait(words, JOB, found);
}

if (typeof process === 'undefined') {
  self.onmessage = ({ data }) => work(data, () => self.postMessage('ready'));
} else {
  const { workerData, parentPort } = process.getBuiltinModule('worker_threads');
  work(workerData, () => parentPort.postMessage('ready'));
}
