/** Identity of a net: the hash of its layers and weights, whatever file they came from. */
import { createHash } from 'node:crypto';
import { type Configuration, type Layer, planLayers, type Vgg } from '@vgg/models';

/** Returns what the shapes of a net's variables do not show of a layer. */
function textOf(layer: Layer): string {
  return `${layer.name} ${layer.kind} ${layer.kind === 'fullyConnected' ? layer.window : ''}\n`;
}

/**
 * Returns the SHA-256 of a net: of its layers in the order of computation, and of the names, shapes and float32 values of its
 * weights in the order of the names. Nets of one hash have the same descriptors.
 */
export async function netHash(model: Vgg<Configuration>): Promise<string> {
  const hash = createHash('sha256');
  for (const layer of planLayers(model.options)) hash.update(textOf(layer));
  for (const name of [...model.variables.keys()].sort()) {
    const variable = model.variables.get(name)!;
    hash.update(`${name} ${variable.shape}\n`);
    const values = (await variable.data()) as Float32Array;
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
