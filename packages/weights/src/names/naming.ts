/**
 * Names and layouts of the variables of a VGG in a framework: from each canonical name (`conv1_1.weight`) to the name in a
 * file. A naming is computed from the net's list of layers, so it covers every configuration.
 */
import { type Layer, layerVariables } from '@vgg/models';
import type { Preprocessing } from '../preprocessing';
import type { Layout, Place } from '../sources/graph';

/** Naming of a framework or a collection of nets. */
export interface Naming {
  /** Name of the framework or collection: `torchvision`. */
  readonly name: string;
  /** Order of the colours that conv1_1 takes in the file. Loaded nets always take RGB. */
  readonly channels: 'RGB' | 'BGR';
  /** Preprocessing of the published nets with these names, RGB: the default if neither the file nor the caller has one. */
  readonly preprocessing?: Preprocessing | undefined;
  /** Number that the framework's batch norm adds to the variance if the file does not have it. Default 1e-5, as ours. */
  readonly varianceEpsilon?: number;
  /** Returns the place of each variable of the net's layers, by canonical name; undefined if the naming has no such net. */
  places(layers: readonly Layer[]): Map<string, Place> | undefined;
  /** Returns true for a tensor that does not belong to the net, such as a counter of batches. */
  ignores?(name: string): boolean;
}

/** Returns the place of every variable of the layers, by canonical name. */
export function placesOf(
  layers: readonly Layer[],
  layout: Layout,
  nameOf: (layer: Layer, role: string) => string,
): Map<string, Place> {
  const places = layers.flatMap((layer) =>
    layerVariables(layer).map(({ name, role, shape }): [string, Place] => [
      name,
      { name: nameOf(layer, role), layout: shape.length > 1 ? layout : 'same' },
    ]),
  );
  return new Map(places);
}

/** Naming of our own files. */
export const OWN: Naming = {
  name: 'vgg',
  channels: 'RGB',
  places: (layers) => placesOf(layers, 'same', (layer, role) => `${layer.name}.${role}`),
  // The shape of a reshape in the graph of a TF.js model.
  ignores: (tensor) => tensor === 'flatten/shape',
};
