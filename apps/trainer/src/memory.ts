/** Whether a net can be trained on an engine at all, told before anything is computed. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, summarise } from '@vgg/models';
import type { EngineName } from './engine';
import type { Recipe } from './recipe';

/** Bytes that an engine can address: WebAssembly memory ends at 4 GiB. */
const LIMITS: Partial<Record<EngineName, number>> = { wasm: 4 * 2 ** 30 };

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Bytes that training takes, by the net's numbers: weights, gradients, velocities, activations. */
export function trainingMemory(
  net: ResolvedVggOptions,
  { batch, microBatch }: Pick<Recipe, 'batch' | 'microBatch'>,
): number {
  const { training, gradients } = summarise(net, { batch: microBatch }).memory;
  // Over several micro-batches the sum of the gradients is there beside those of the micro-batch at hand.
  return training + (batch > microBatch ? gradients : 0);
}

/** @throws VggError `VGG_ARGUMENT` when training needs more memory than the engine can address. */
export function checkMemory(
  net: ResolvedVggOptions,
  batches: Pick<Recipe, 'batch' | 'microBatch'>,
  engine: EngineName,
): void {
  const limit = LIMITS[engine];
  if (limit === undefined) return;
  const needed = trainingMemory(net, batches);
  if (needed <= limit) return;
  throw new VggError(
    'argument',
    `training this net takes ${gibibytes(needed)} at a micro-batch of ${batches.microBatch}, engine ${engine} addresses ` +
      `${gibibytes(limit)}: lower --width, --input or --micro-batch, or use another --engine`,
  );
}
