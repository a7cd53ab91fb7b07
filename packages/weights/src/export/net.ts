/** What is exported: a net in memory or in a file, its numbers brought one variable at a time. */
import { VggError } from '@vgg/core';
import { type Layer, planLayers, type ResolvedVggOptions, type Vgg } from '@vgg/models';
import type { ModelDescription } from '../description';
import { checkFinite, checkFit } from '../fit';
import type { NetWeights } from '../names/recognise';
import type { WeightSource } from '../sources/source';

/** A net's numbers. `NetWeights` of a file is one, `tensorsOf(model)` another. */
export interface NetTensors {
  readonly options: ResolvedVggOptions;
  /** A variable's numbers by its canonical name, in its own layout: HWIO, [inputs, outputs], [channels]. */
  read(name: string): Promise<Float32Array>;
}

/** Which view of the net is exported. */
export type ExportedView =
  /** Images of the net's input size to class scores [n, classes]. */
  | 'classifier'
  /** Images of any sides from the input size up to a map of class scores (section 3.2). */
  | 'dense';

export interface ExportOptions {
  /** Default `classifier`; a net without a head has only its features, the output of pool5. */
  readonly view?: ExportedView;
  /** Class names and preprocessing, kept as the file's metadata. */
  readonly description?: ModelDescription;
}

/** The numbers of a net's variables. */
export function tensorsOf(model: Pick<Vgg, 'options' | 'variables'>): NetTensors {
  return {
    options: model.options,
    read: async (name) => (await model.variables.get(name)!.data()) as Float32Array,
  };
}

/**
 * The numbers of a net in a file, checked as `loadNet` checks them.
 * @throws VggError `VGG_WEIGHTS` at once when a weight is missing, left over or misshapen; by `read` for one that is not
 *   finite.
 */
export function checkedTensors(weights: NetWeights, source: WeightSource): NetTensors {
  checkFit(weights.report, source.name);
  return {
    options: weights.options,
    async read(name) {
      const values = await weights.read(name);
      checkFinite(name, values, source.name);
      return values;
    },
  };
}

/** The layers that an inference graph has: not dropout, nor the soft-max behind the class scores. */
export function inferenceLayers(options: ResolvedVggOptions): Layer[] {
  return planLayers(options).filter(({ kind }) => kind !== 'dropout' && kind !== 'softmax');
}

/** @throws VggError `VGG_WEIGHTS` when a net's variable has not the number of elements that its shape needs. */
export function checkCount(name: string, values: Float32Array, expected: number): Float32Array {
  if (values.length === expected) return values;
  throw new VggError('weights', `${name} needs ${expected} numbers, got ${values.length}`);
}
