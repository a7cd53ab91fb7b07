/** Nets to export, in memory or in a file; their values are read one variable at a time. */
import { VggError } from '@vgg/core';
import { type Layer, planLayers, type ResolvedVggOptions, type Vgg } from '@vgg/models';
import type { ModelDescription } from '../description';
import { checkFit } from '../fit';
import type { NetWeights } from '../names/net-weights';
import type { WeightSource } from '../sources/source';
import { type PixelLayer, pixelLayer } from './preprocess';

/** Values of a net's variables: `NetWeights` of a file, or `tensorsOf(model)`. */
export interface NetTensors {
  readonly options: ResolvedVggOptions;
  /** Reads a variable's values by its canonical name, in our layout: HWIO, [inputs, outputs], [channels]. */
  read(name: string): Promise<Float32Array>;
}

/** View of the net to export. */
export type ExportedView =
  /** Computes class scores [n, classes] of images of the net's input size. */
  | 'classifier'
  /** Computes a map of class scores of images whose sides are at least the input size (section 3.2). */
  | 'dense';

/** Options of all exports. */
export interface ExportOptions {
  /** View of the net. Default `classifier`. A net without a head computes its features, the output of pool5. */
  readonly view?: ExportedView | undefined;
  /** Class names and preprocessing for the file's metadata. Default none. */
  readonly description?: ModelDescription | undefined;
  /**
   * `outside`: the graph takes preprocessed pixels. `inside`: it takes RGB from 0 to 255 of rescaled and cropped images, and
   * needs a description. Default `outside`.
   */
  readonly preprocessing?: 'outside' | 'inside' | undefined;
}

/**
 * Returns the layer of the preprocessing inside the graph, if there is one.
 * @throws VggError `VGG_ARGUMENT` without a description.
 */
export function insideLayer({ preprocessing, description }: ExportOptions): PixelLayer | undefined {
  if (preprocessing !== 'inside') return undefined;
  if (description === undefined) {
    throw new VggError('argument', 'the preprocessing of this net is not known: export it with preprocessing outside');
  }
  return pixelLayer(description.preprocessing);
}

/** Returns the values of the variables of a net in memory. */
export function tensorsOf(model: Pick<Vgg, 'options' | 'variables'>): NetTensors {
  return {
    options: model.options,
    read: async (name) => (await model.variables.get(name)!.data()) as Float32Array,
  };
}

/**
 * Returns the values of the variables of a net in a file, with the checks of `loadNet`.
 * @throws VggError `VGG_WEIGHTS` at once when a weight is missing, left over or of another shape; by `read` for one that is
 *   not finite.
 */
export function checkedTensors(weights: NetWeights, source: WeightSource): NetTensors {
  checkFit(weights.report, source.name);
  return {
    options: weights.options,
    read: (name) => weights.read(name),
  };
}

/** Returns the layers of an inference graph: all except dropout and the soft-max after the class scores. */
export function inferenceLayers(options: ResolvedVggOptions): Layer[] {
  return planLayers(options).filter(({ kind }) => kind !== 'dropout' && kind !== 'softmax');
}

/** @throws VggError `VGG_WEIGHTS` when the number of a variable's values is not that of its shape. */
export function checkCount(name: string, values: Float32Array, expected: number): Float32Array {
  if (values.length === expected) return values;
  throw new VggError('weights', `${name} needs ${expected} numbers, got ${values.length}`);
}
