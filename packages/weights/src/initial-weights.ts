/**
 * Weights of a file, of any framework or a published net, to start training with. Training here uses RGB images on the
 * 0..255 scale minus a mean. A net may also divide its images by a standard deviation; the filters of conv1_1 are then
 * scaled instead.
 */
import { VggError } from '@vgg/core';
import { type Layer, layerVariables, planLayers, type ResolvedVggOptions } from '@vgg/models';
import { checkedTensors } from './export/net';
import { netUse } from './load-net';
import { type NetWeights, recogniseNet } from './names/recognise';
import type { Preprocessing, Rgb } from './preprocessing';
import type { WeightSource } from './sources/source';

/** Weights that a file has for a net. */
export interface InitialWeights {
  /** Mean of the file's training images, RGB on the 0..255 scale; undefined if neither the file nor its names define it. */
  readonly mean: Rgb | undefined;
  /** Layers for which the file has no weights of the net's shapes: initialise them randomly. */
  readonly missing: readonly string[];
  /**
   * Reads the variables of all other layers, by the net's names. The source must still be open.
   * @throws VggError `VGG_WEIGHTS` for a damaged file or a weight that is not finite; `VGG_IO`.
   */
  read(): Promise<Map<string, Float32Array>>;
}

/** Options in which two nets must agree to share convolutions; the fully-connected layers may differ. */
const SHARED = ['configuration', 'batchNorm', 'width'] as const;

function mapRgb([red, green, blue]: Rgb, map: (value: number) => number): Rgb {
  return [map(red), map(green), map(blue)];
}

/**
 * Returns the mean and the factor, RGB, for which `(pixel - mean) * factor` prepares pixels on the 0..255 scale as
 * `preprocessing` does.
 */
export function pixelTransform({ mean, std = [1, 1, 1], range = 255 }: Preprocessing): { mean: Rgb; factor: Rgb } {
  return {
    mean: mapRgb(mean, (value) => (value * 255) / range),
    factor: mapRgb(std, (value) => range / (255 * value)),
  };
}

/** Scales conv1_1's filters [rows, columns, 3, outputs] by input colour, so that inputs need no factor. */
export function scaleInputs(filters: Float32Array, factor: Rgb): Float32Array {
  const outputs = filters.length / 27;
  return filters.map((value, i) => value * factor[Math.floor(i / outputs) % 3]!);
}

/** Returns the layers that have variables. */
function weightedLayers(net: ResolvedVggOptions): Layer[] {
  return planLayers(net).filter((layer) => layerVariables(layer).length > 0);
}

/**
 * Returns the names of the layers whose variables the file has in the net's shapes. The classifier is used completely,
 * completely except fc8, or not at all.
 */
function usableLayers(weights: NetWeights, layers: readonly Layer[]): Set<string> {
  const fits = (layer: Layer) =>
    layerVariables(layer).every(({ name, shape }) => weights.tensors.get(name)?.shape.join() === shape.join());
  const usable = new Set(layers.filter(fits).map(({ name }) => name));
  const classifier = layers.filter(({ stage }) => stage === 6).map(({ name }) => name);
  if (classifier.every((name) => name === 'fc8' || usable.has(name))) return usable;
  for (const name of classifier) usable.delete(name);
  return usable;
}

/**
 * Finds the weights in a file that a net of options `net` can start training with.
 * @param source an open file; it stays open.
 * @throws VggError `VGG_ARGUMENT` when the file's convolutions belong to another net; `VGG_WEIGHTS` when it is damaged or
 *   does not hold a net; `VGG_IO`.
 */
export async function initialWeights(source: WeightSource, net: ResolvedVggOptions): Promise<InitialWeights> {
  const weights = recogniseNet(source);
  const { options, report } = weights;
  const differing = SHARED.filter((option) => options[option] !== net[option]);
  if (differing.length > 0) {
    const each = differing.map((option) => `its ${option} is ${options[option]}, expected ${net[option]}`);
    throw new VggError('argument', `${source.name} is of another net: ${each.join('; ')}`);
  }
  checkedTensors(recogniseNet(source, { head: 'none' }), source);
  const { preprocessing } = await netUse(source, weights);
  const pixels = preprocessing && pixelTransform(preprocessing);
  const layers = weightedLayers(net);
  const usable = usableLayers(weights, layers);
  // Only variables that fit are read, so the rest of the report does not matter.
  const tensors = checkedTensors(
    { ...weights, report: { ...report, missing: [], leftOver: [], misshapen: [] } },
    source,
  );
  return {
    mean: pixels?.mean,
    missing: layers.map(({ name }) => name).filter((name) => !usable.has(name)),
    async read() {
      const values = new Map<string, Float32Array>();
      for (const { name } of layers.filter((layer) => usable.has(layer.name)).flatMap(layerVariables)) {
        values.set(name, await tensors.read(name));
      }
      const filters = values.get('conv1_1.weight');
      if (filters && pixels) values.set('conv1_1.weight', scaleInputs(filters, pixels.factor));
      return values;
    },
  };
}
