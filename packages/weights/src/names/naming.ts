/**
 * How frameworks name and lay out the variables of a VGG: from each canonical name (`conv1_1.weight`) to the name in a
 * file. A naming is data made from the net's own list of layers, so it covers every configuration.
 */
import { type Layer, layerVariables } from '@vgg/models';
import type { Preprocessing } from '../preprocessing';

/** How a tensor of a file becomes a variable. */
export type Layout =
  /** As it is, but for its shape: HWIO, [in, out], [channels]. */
  | 'same'
  /** Outputs first, and channels before rows and columns: OIHW, [out, in] or [out, channels, rows, columns]. */
  | 'outputsFirst';

/** Where a variable is found in a file. */
export interface Place {
  readonly name: string;
  readonly layout: Layout;
}

export interface Naming {
  /** Its name: `torchvision`. */
  readonly name: string;
  /** The order of the colours that conv1_1 takes. Nets of a BGR naming take RGB once loaded. */
  readonly channels: 'RGB' | 'BGR';
  /** How the nets published under these names take their images, RGB: what holds unless the file or the user says else. */
  readonly preprocessing?: Preprocessing;
  /** What the framework's batch norm adds to the variance unless the file says so, where that is not our 1e-5. */
  readonly varianceEpsilon?: number;
  /** The file's name of each variable of the net's layers, by the canonical name; undefined where it has no such net. */
  places(layers: readonly Layer[]): Map<string, Place> | undefined;
  /** Names in the file that say nothing of the net: counters of batches. */
  ignores?(name: string): boolean;
}

/** The layers of a net that hold variables, each with its place in the file by role. */
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

/** Our own names. */
export const OWN: Naming = {
  name: 'vgg',
  channels: 'RGB',
  places: (layers) => placesOf(layers, 'same', (layer, role) => `${layer.name}.${role}`),
};
