/** Memory of training, and a check that an engine can address it before anything is computed. */
import { VggError } from '@vgg/core';
import type { EngineName } from '@vgg/engine';
import { type ResolvedVggOptions, summarise } from '@vgg/models';
import type { Recipe } from '@vgg/recipes';

/** Largest memory that an engine can address, in bytes: WebAssembly has 4 GiB. */
const LIMITS: Partial<Record<EngineName, number>> = { wasm: 4 * 2 ** 30 };

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Settings that affect the memory. */
type MemorySettings = Pick<Recipe, 'batch' | 'microBatch' | 'averageDecay'>;

/** Returns the bytes that training takes: weights and their averages, gradients, velocities, activations. */
export function trainingMemory(net: ResolvedVggOptions, { batch, microBatch, averageDecay }: MemorySettings): number {
  const { training, gradients, weights } = summarise(net, { batch: microBatch }).memory;
  // With several micro-batches, the sum of their gradients is kept in addition to those of the current one.
  return training + (batch > microBatch ? gradients : 0) + (averageDecay > 0 ? weights : 0);
}

/** Checks the memory of training. @throws VggError `VGG_ARGUMENT` when it is more than the engine can address. */
export function checkMemory(net: ResolvedVggOptions, settings: MemorySettings, engine: EngineName): void {
  const limit = LIMITS[engine];
  if (limit === undefined) return;
  const needed = trainingMemory(net, settings);
  if (needed <= limit) return;
  throw new VggError(
    'argument',
    `training this net takes ${gibibytes(needed)} at a micro-batch of ${settings.microBatch}, engine ${engine} addresses ` +
      `${gibibytes(limit)}: lower --width, --input or --micro-batch, or use another --engine`,
  );
}
