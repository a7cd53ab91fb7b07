/** Whether a net can be trained on an engine at all, told before anything is computed. */
import { VggError } from '@vgg/core';
import { type ResolvedVggOptions, summarise } from '@vgg/models';
import type { EngineName } from './engine';

/** Bytes that an engine can address: WebAssembly memory ends at 4 GiB. */
const LIMITS: Partial<Record<EngineName, number>> = { wasm: 4 * 2 ** 30 };

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/**
 * @param microBatch images computed at once.
 * @throws VggError `VGG_ARGUMENT` when training needs more memory than the engine can address.
 */
export function checkMemory(net: ResolvedVggOptions, microBatch: number, engine: EngineName): void {
  const limit = LIMITS[engine];
  if (limit === undefined) return;
  const { training } = summarise(net, { batch: microBatch }).memory;
  if (training <= limit) return;
  throw new VggError(
    'argument',
    `training this net takes ${gibibytes(training)} at a micro-batch of ${microBatch}, engine ${engine} addresses ` +
      `${gibibytes(limit)}: lower --width, --input or --micro-batch, or use another --engine`,
  );
}
