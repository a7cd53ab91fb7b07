/** Names of a run's files, by which a run folder and its weights are recognised. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Name of a run's record in its folder. */
export const RECORD = 'run.json';

/** Name of a run's best weights in its folder, there once training has ended. */
export const MODEL = 'model.safetensors';

/** Returns true if the run was trained to its end, so that its weights are there. */
export function hasWeights({ path }: { readonly path: string }): boolean {
  return existsSync(join(path, MODEL));
}
