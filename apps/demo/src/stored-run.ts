/** The run in the browser's IndexedDB: a page that is closed and opened again continues it. */
import { VggError } from '@vgg/core';
import type { Checkpoint, CheckpointStore } from '@vgg/train';
import type { TensorData } from '@vgg/weights';

/** Numbers of the curves. */
export interface History {
  /** Loss of each step. */
  readonly losses: number[];
  /** Top-1 error of each step in %. */
  readonly errors: number[];
  /** Completed steps and top-1 error in % of each validation. */
  readonly validations: (readonly [step: number, error: number])[];
}

export interface StoredRun {
  readonly checkpoint: Checkpoint;
  readonly history: History;
}

const DATABASE = 'vgg-demo';
const TABLE = 'runs';
const KEY = 'drawn-shapes';

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () =>
      reject(
        new VggError('io', 'this browser does not keep the run: it will end with the page', { cause: request.error }),
      );
  });
}

async function table<T>(mode: IDBTransactionMode, use: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const database = await settled(opening);
  try {
    return await settled(use(database.transaction(TABLE, mode).objectStore(TABLE)));
  } finally {
    database.close();
  }
}

/** Returns the stored run, or undefined. */
export function storedRun(): Promise<StoredRun | undefined> {
  return table('readonly', (runs) => runs.get(KEY) as IDBRequest<StoredRun | undefined>);
}

export async function forgetRun(): Promise<void> {
  await table('readwrite', (runs) => runs.delete(KEY));
}

/** Returns a store that keeps the last checkpoint, with the curves up to it. */
export function runStore(history: History): CheckpointStore {
  return {
    async save({ state, tensors, metadata }) {
      const copied = await Promise.all(
        [...tensors].map(async ([name, value]): Promise<[string, TensorData]> => {
          if (!('dataId' in value)) return [name, value];
          const numbers = Float32Array.from(await value.data());
          return [name, { dtype: 'F32', shape: value.shape, bytes: new Uint8Array(numbers.buffer) }];
        }),
      );
      const run: StoredRun = { checkpoint: { state, tensors: new Map(copied), metadata }, history };
      await table('readwrite', (runs) => runs.put(run, KEY));
      return KEY;
    },
  };
}
