/** Identity of a net: the hash of its weights, whatever file they came from. */
import { createHash } from 'node:crypto';
import type { Configuration, Vgg } from '@vgg/models';

/** Returns the SHA-256 of a net's weights: of names, shapes and float32 values in the order of the names. */
export async function netHash(model: Vgg<Configuration>): Promise<string> {
  const hash = createHash('sha256');
  for (const name of [...model.variables.keys()].sort()) {
    const variable = model.variables.get(name)!;
    hash.update(`${name} ${variable.shape}\n`);
    const values = (await variable.data()) as Float32Array;
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
