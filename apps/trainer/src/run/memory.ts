/** Whether a net can be trained on an engine at all, told before anything is computed. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, summarise } from '@vgg/models';
import type { EngineName } from '../engine';
import type { Recipe } from '../recipe/recipe';

/** Bytes that an engine can address: WebAssembly memory ends at 4 GiB. */
const LIMITS: Partial<Record<EngineName, number>> = { wasm: 4 * 2 ** 30 };

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** What of a recipe decides the memory. */
type Costs = Pick<Recipe, 'batch' | 'microBatch' | 'averageDecay'>;

/** Bytes that training takes, by the net's numbers: weights and their averages, gradients, velocities, activations. */
export function trainingMemory(net: ResolvedVggOptions, { batch, microBatch, averageDecay }: Costs): number {
  const { training, gradients, weights } = summarise(net, { batch: microBatch }).memory;
  // Over several micro-batches the sum of the gradients is there beside those of the micro-batch at hand.
  return training + (batch > microBatch ? gradients : 0) + (averageDecay > 0 ? weights : 0);
}

/** @throws VggError `VGG_ARGUMENT` when training needs more memory than the engine can address. */
export function checkMemory(net: ResolvedVggOptions, costs: Costs, engine: EngineName): void {
  const limit = LIMITS[engine];
  if (limit === undefined) return;
  const needed = trainingMemory(net, costs);
  if (needed <= limit) return;
  throw new VggError(
    'argument',
    `training this net takes ${gibibytes(needed)} at a micro-batch of ${costs.microBatch}, engine ${engine} addresses ` +
      `${gibibytes(limit)}: lower --width, --input or --micro-batch, or use another --engine`,
  );
}
