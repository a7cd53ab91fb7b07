/**
 * Words of the memory that the threads of a team share. Work is a job: a kernel with its arguments, divided in parts that
 * any thread takes. The main thread opens and closes jobs. Workers enter a job while it is open; a job has
 * ended when it is closed and no worker is left in it, so a worker that sleeps or is not scheduled is never waited for.
 */

/** Number of the open job, or {@link CLOSED}, or {@link STOP}. Workers sleep on it. */
export const JOB = 0;
/** Number of parts that were taken: from the front in the lower 16 bits, from the end in the upper ones. */
export const TAKEN = 1;
/** Number of parts of the job. */
export const PARTS = 2;
/** Index of the kernel in {@link KERNELS}. */
export const KERNEL = 3;
/** Number of arguments. */
export const COUNT = 4;
/** Number of workers that are in a job or look into it. The main thread may sleep on it. */
export const ACTIVE = 5;
/** 1 if a part of the job threw in a worker. */
export const FAILED = 6;
/** Number of workers that have started. */
export const READY = 7;
/** Number of words. */
export const WORDS = 8;
/** Largest number of arguments of a kernel. */
export const MOST_ARGUMENTS = 32;

/** Value of {@link JOB} between jobs. */
export const CLOSED = 0;
/** Value of {@link JOB} that ends the workers. */
export const STOP = -1;

/** Kernels that are divided in parts: their last arguments are the part, the number of parts and the thread's slot. */
export const KERNELS = [
  'addressedDropout',
  'blockSquares',
  'blockSums',
  'channelNormGradient',
  'channelNormSums',
  'convolve',
  'deviationSums',
  'elementwise',
  'filterGradientGroups',
  'filterGradientPack',
  'filterGradientTiles',
  'localResponse',
  'localResponseGradient',
  'maxPool2x2',
  'maxPoolGradient',
  'momentumSgd',
  'normalisationGradient',
  'normalise',
  'packPanelsPart',
  'packRotated',
  'product',
] as const;

export type PartKernel = (typeof KERNELS)[number];

/** Message with which a worker starts. */
export interface Start {
  module: WebAssembly.Module;
  /** The stock module's memory. */
  memory: WebAssembly.Memory;
  /** {@link WORDS} words, then the arguments as float64. */
  control: SharedArrayBuffer;
  /** Number of the thread in its team; the main thread has 0. */
  slot: number;
}

/** Returns the words and the arguments in a team's shared memory. */
export function viewsOf(control: SharedArrayBuffer): { words: Int32Array; numbers: Float64Array } {
  return { words: new Int32Array(control, 0, WORDS), numbers: new Float64Array(control, WORDS * 4, MOST_ARGUMENTS) };
}

/**
 * Takes a part of the open job and returns it, or undefined if there is none left. Some threads begin at the front and others at the
 * end, so that a thread finds most of what it reads in its own caches: it wrote about the same parts of earlier tensors.
 */
export function takePart(words: Int32Array, parts: number, slot: number): number | undefined {
  const fromEnd = slot % 2 === 1;
  const taken = Atomics.add(words, TAKEN, fromEnd ? 0x1_0000 : 1);
  const [front, end] = [taken & 0xffff, taken >>> 16];
  if (front + end >= parts) return undefined;
  return fromEnd ? parts - 1 - end : front;
}

/** Longest time in milliseconds that a worker without work looks for some before it sleeps: longer than JavaScript between kernels takes. */
export const LOOK = 0.25;

/** Longest time in milliseconds that the main thread looks whether the workers have ended before it sleeps. */
export const SPIN = 0.05;

/** Functions that the module imports in addition to its memory. */
export const IMPORTS = { local_response: { pow: Math.pow } };
