/** Diagnosis of a loss that is not finite. It runs only after such a loss, so it need not be fast. */
import { dispose, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import { gather, randomStream, singleProcess, VggError } from '@vgg/core';
import { nonFiniteNames } from '@vgg/optim';
import { imageShape } from './batch';
import type { GradientOptions } from './gradient';

/** Returns the layers that have variables `<layer>.<name>`, in the order of the net. Own nets may have other names. */
function layersOf(variables: Iterable<string>): string[] {
  const named = [...variables].filter((name) => name.includes('.'));
  return [...new Set(named.map((name) => name.slice(0, name.lastIndexOf('.'))))];
}

async function firstBadLayer({ model, microBatches, seed, step }: GradientOptions): Promise<string | undefined> {
  const layers = layersOf(model.variables.keys());
  for (const microBatch of microBatches) {
    const { images, index } = microBatch;
    const pixels = tensor4d(images, imageShape(microBatch));
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

/** Cause of a loss that is not finite, as a clause, and where it is. */
interface Finding {
  /** 0 images, 1 weights, 2 outputs of a layer, 3 unknown: the first kind that any process finds is the cause. */
  kind: number;
  reason: string;
  layer?: string | undefined;
}

async function find(options: GradientOptions): Promise<Finding> {
  const { model, microBatches } = options;
  if (microBatches.some(({ images }) => !images.every(Number.isFinite))) {
    const reason = 'an image of the batch holds a number that is not finite; look at the preprocessing';
    return { kind: 0, reason, layer: 'data' };
  }
  const [weight] = await nonFiniteNames(model.variables);
  if (weight !== undefined) {
    return { kind: 1, reason: `${weight} is not finite; go back to an earlier checkpoint`, layer: weight };
  }
  const layer = await firstBadLayer(options);
  if (layer === undefined) return { kind: 3, reason: 'lower the rate or clip the gradients' };
  return {
    kind: 2,
    reason: `the output of ${layer} is not finite; lower the rate or start from smaller weights`,
    layer,
  };
}

/**
 * Returns an error that says whether the images, a weight or a layer's output made the loss of this step not finite: the
 * same on all processes.
 */
export async function explainLoss(options: GradientOptions, loss: number): Promise<VggError> {
  const { step, communicator = singleProcess } = options;
  const findings = await gather(communicator, await find(options));
  const { reason, layer } = findings.reduce((first, next) => (next.kind < first.kind ? next : first));
  return new VggError('nonFinite', `the loss is ${loss} at step ${step}: ${reason}`, { details: { step, layer } });
}
