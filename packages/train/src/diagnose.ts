/** Diagnosis of a loss that is not finite. It runs only after such a loss, so it need not be fast. */
import { dispose, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import { randomStream, VggError } from '@vgg/core';
import { nonFiniteNames } from '@vgg/optim';
import type { GradientOptions } from './gradient';

/** Returns the layers that have variables, in the order of the net. */
function layersOf(variables: Iterable<string>): string[] {
  return [...new Set([...variables].map((name) => name.slice(0, name.lastIndexOf('.'))))];
}

async function firstBadLayer({ model, microBatches, seed, step }: GradientOptions): Promise<string | undefined> {
  const layers = layersOf(model.variables.keys());
  for (const { images, size, height, width, index } of microBatches) {
    const pixels = tensor4d(images, [size, height, width, 3]);
    const {
      logits,
      batchStatistics,
      taps = {},
    } = model.apply(pixels, {
      training: true,
      dropout: (layer) => randomStream(seed, `dropout/${layer}`, step, index),
      taps: layers,
    });
    const outputs = layers.flatMap((layer): [string, Tensor][] => (taps[layer] ? [[layer, taps[layer]]] : []));
    const [bad] = await nonFiniteNames(new Map(outputs));
    dispose([pixels, logits, ...Object.values(batchStatistics), ...Object.values(taps)]);
    if (bad !== undefined) return bad;
  }
  return undefined;
}

/**
 * Returns an error that says whether the images, a weight or a layer's output made the loss of this step not finite.
 */
export async function explainLoss(options: GradientOptions, loss: number): Promise<VggError> {
  const { step, model, microBatches } = options;
  const error = (reason: string, layer?: string) =>
    new VggError('nonFinite', `the loss is ${loss} at step ${step}: ${reason}`, { details: { step, layer } });
  if (microBatches.some(({ images }) => !images.every(Number.isFinite))) {
    return error('an image of the batch holds a number that is not finite; look at the preprocessing', 'data');
  }
  const [weight] = await nonFiniteNames(model.variables);
  if (weight !== undefined) return error(`${weight} is not finite; go back to an earlier checkpoint`, weight);
  const layer = await firstBadLayer(options);
  if (layer === undefined) return error('lower the rate or clip the gradients');
  return error(`the output of ${layer} is not finite; lower the rate or start from smaller weights`, layer);
}
