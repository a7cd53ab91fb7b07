/**
 * Weights of a file, of any framework or a published net, to start training with. Training here uses RGB images on the
 * 0..255 scale minus a mean. A net may also divide its images by a standard deviation; the filters of conv1_1 are then
 * scaled instead.
 */
import { VggError } from '@vgg/core';
import { configurationText, type Layer, layerVariables, planLayers, type ResolvedVggOptions } from '@vgg/models';
import { checkedTensors } from './export/net';
import { netUse } from './load-net';
import type { NetWeights } from './names/net-weights';
import { recogniseNet } from './names/recognise';
import type { Preprocessing } from './preprocessing';
import type { WeightSource } from './sources/source';

/** Weights that a file has for a net. */
export interface InitialWeights {
  /** Mean of the file's training images, RGB on the 0..255 scale; undefined if neither the file nor its names define it. */
  readonly mean: readonly number[] | undefined;
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

/**
 * Returns the mean and the factor of each channel for which `(pixel - mean) * factor` prepares pixels on the 0..255 scale as
 * `preprocessing` does.
 */
export function pixelTransform({ mean, std = mean.map(() => 1), range = 255 }: Preprocessing): {
  mean: readonly number[];
  factor: readonly number[];
} {
  return {
    mean: mean.map((value) => (value * 255) / range),
    factor: std.map((value) => range / (255 * value)),
  };
}

/**
 * Scales conv1_1's filters [rows, columns, channels, outputs] by input channel: the layer then computes on pixels `x` the same
 * as before on `x * factor`.
 * @param outputs number of filters. Default that of 3x3 filters.
 */
export function scaleInputs(
  filters: Float32Array,
  factor: readonly number[],
  outputs = filters.length / (9 * factor.length),
): Float32Array {
  return filters.map((value, i) => value * factor[Math.floor(i / outputs) % factor.length]!);
}

/** Returns an option as text. */
function textOf(value: ResolvedVggOptions[(typeof SHARED)[number]]): string {
  return typeof value === 'string' || typeof value === 'object' ? configurationText(value) : String(value);
}

/** Returns the layers that have variables. */
function weightedLayers(net: ResolvedVggOptions): Layer[] {
  return planLayers(net).filter((layer) => layerVariables(layer).length > 0);
}

/** Returns height and width of a fully-connected layer's window, so that weights of 2×4 places are not taken for those of 4×2. */
function windowOf(layer: Layer): string | undefined {
  return layer.kind === 'fullyConnected' ? layer.window.join('x') : undefined;
}

/**
 * Returns the names of the layers whose variables the file has in the net's shapes. The classifier is used completely,
 * completely except fc8, or not at all.
 */
function usableLayers(weights: NetWeights, layers: readonly Layer[]): Set<string> {
  const windows = new Map(planLayers(weights.options).map((layer) => [layer.name, windowOf(layer)]));
  const fits = (layer: Layer) =>
    windowOf(layer) === windows.get(layer.name) &&
    layerVariables(layer).every(({ name, shape }) => weights.tensors.get(name)?.shape.join() === shape.join());
  const usable = new Set(layers.filter(fits).map(({ name }) => name));
  const classifier = layers.filter(({ part }) => part === 'classifier').map(({ name }) => name);
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
  const weights = recogniseNet(source, { channels: net.channels ?? 3 });
  const { options, report } = weights;
  const differing = SHARED.filter((option) => textOf(options[option]) !== textOf(net[option]));
  if (differing.length > 0) {
    const each = differing.map(
      (option) => `its ${option} is ${textOf(options[option])}, expected ${textOf(net[option])}`,
    );
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
      if (filters && pixels) {
        const outputs = weights.tensors.get('conv1_1.weight')!.shape.at(-1)!;
        values.set('conv1_1.weight', scaleInputs(filters, pixels.factor, outputs));
      }
      return values;
    },
  };
}
