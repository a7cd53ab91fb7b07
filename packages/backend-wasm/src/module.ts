/** Our WebAssembly module: one instance per backend and thread, on the memory of the stock module. */
/// <reference path="./wasm.d.ts" />
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { VggError } from '@vgg/core';
import bytes from './kernels.wasm';
import { IMPORTS, type PartKernel } from './protocol';
import { withSharedMemory } from './shared-memory';
import { stockModule } from './stock';
import { Team } from './team';

/**
 * The functions of `assembly/`. Addresses are bytes in the backend's heap. Sizes and strides are elements, except where
 * noted. */
export type Kernels = Readonly<
  Record<
    | PartKernel
    | 'addBlockSums'
    | 'addSquares'
    | 'blockSumsBytes'
    | 'channelNormShares'
    | 'localResponseScratch'
    | 'normalisationFactors'
    | 'normalisationParameterGradients'
    | 'productScratch'
    | 'squareBlocks',
    (...args: (number | boolean)[]) => number
  >
>;

/** Module, memory and threads that run the kernels of a backend. */
interface Machine {
  kernels: Kernels;
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  team: Team;
}

const machines = new WeakMap<BackendWasm, Machine>();

/** Least number of operations in a part: fewer take less time than to wake a thread. */
const LEAST_WORK = 500_000;

/** Number of parts for each thread, so that one that is slower or starts late takes fewer. */
const PARTS_PER_THREAD = 4;

/** Compiles and links the module, off the main thread if the engine can. Call this when the backend is created. */
export async function prepareKernels(backend: BackendWasm): Promise<void> {
  if (machines.has(backend)) return;
  const memory = memoryOf(backend);
  machines.set(backend, link(await WebAssembly.compile(bytesFor(memory)), memory));
}

/**
 * Returns the kernels of a backend. Compiles synchronously if the backend was created before this package was imported.
 */
export function kernelsOf(backend: BackendWasm): Kernels {
  return machineOf(backend).kernels;
}

function machineOf(backend: BackendWasm): Machine {
  let machine = machines.get(backend);
  if (machine === undefined) {
    const memory = memoryOf(backend);
    machine = link(new WebAssembly.Module(bytesFor(memory)), memory);
    machines.set(backend, machine);
  }
  return machine;
}

function memoryOf(backend: BackendWasm): WebAssembly.Memory {
  const { memory } = stockModule(backend).asm;
  if (memory === undefined) {
    throw new VggError(
      'backend',
      'the stock WASM backend does not export its memory (it is the threaded build): import @vgg/backend-wasm before tf.setBackend',
    );
  }
  return memory;
}

function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer;
}

function bytesFor(memory: WebAssembly.Memory): Uint8Array<ArrayBuffer> {
  return isShared(memory) ? withSharedMemory(bytes)! : bytes;
}

function link(module: WebAssembly.Module, memory: WebAssembly.Memory): Machine {
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, ...IMPORTS });
  const kernels = exports as unknown as Kernels;
  return { kernels, module, memory, team: Team.alone(kernels) };
}

/** Returns true if a backend can run on several threads. */
export function canThread(backend: BackendWasm): boolean {
  return isShared(machineOf(backend).memory);
}

/** Gives a backend a team of `size` threads in place of the one that it has. Resolves when they work or cannot start. */
export async function useThreads(backend: BackendWasm, size: number): Promise<void> {
  const machine = machineOf(backend);
  if (size === machine.team.size) return;
  const { kernels, module, memory } = machine;
  const team = size === 1 ? Team.alone(kernels) : await Team.start(kernels, module, memory, size);
  if (machines.get(backend) !== machine) return team.stop();
  machine.team.stop();
  machine.team = team;
}

/** Ends the workers of a backend, which runs no kernel afterwards. */
export function endThreads(backend: BackendWasm): void {
  machines.get(backend)?.team.stop();
  machines.delete(backend);
}

/** Returns the number of threads that work for a backend. */
export function threadsOf(backend: BackendWasm): number {
  return machineOf(backend).team.working;
}

/** Returns the number of slots: how often a kernel needs the scratch memory that each thread has for itself. */
export function slotsOf(backend: BackendWasm): number {
  return machineOf(backend).team.size;
}

/**
 * Returns the number of parts for `operations` of work that can be divided in `most` parts. No result depends on it.
 */
export function partsFor(backend: BackendWasm, operations: number, most: number): number {
  const slots = slotsOf(backend);
  if (slots === 1) return 1;
  return Math.max(1, Math.min(most, slots * PARTS_PER_THREAD, Math.floor(operations / LEAST_WORK)));
}

/** Runs a kernel in parts, on all threads. */
export function runParts(
  backend: BackendWasm,
  name: PartKernel,
  parts: number,
  args: readonly (number | boolean)[],
): void {
  machineOf(backend).team.run(name, parts, args);
}
