/**
 * Keras's names of a VGG's weights, those of keras.applications, as each version writes them; conv1_1 takes BGR there, as the
 * nets that were published. Batch norm, which keras.applications has not, goes by the names that Keras gives by itself.
 */
import type { Layer } from '@vgg/models';
import type { Preprocessing } from '../preprocessing';
import { type Naming, placesOf } from './naming';

/** `preprocess_input` of keras.applications.vgg16 on images that `load_img` made 224 x 224; the mean in our order, RGB. */
export const KERAS_PREPROCESSING: Preprocessing = {
  mean: [123.68, 116.779, 103.939],
  scale: 224,
  resize: 'stretch',
  interpolation: 'pillow-nearest',
};

/** A weight's name, and its place in the list of the layer's variables. */
const ROLES: Readonly<Record<string, readonly [name: string, place: number]>> = {
  weight: ['kernel', 0],
  bias: ['bias', 1],
  scale: ['gamma', 0],
  offset: ['beta', 1],
  mean: ['moving_mean', 2],
  variance: ['moving_variance', 3],
};

/** `batch_normalization`, `batch_normalization_1`, ... */
function counted(kind: string, index: number): string {
  return index === 0 ? kind : `${kind}_${index}`;
}

const KINDS: Readonly<Record<string, string>> = {
  convolution: 'conv2d',
  fullyConnected: 'dense',
  batchNorm: 'batch_normalization',
};

/** The names that Keras gives to layers by itself, by ours. */
function automatic(layers: readonly Layer[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const [kind, keras] of Object.entries(KINDS)) {
    const own = layers.filter((layer) => layer.kind === kind);
    for (const [i, { name }] of own.entries()) names.set(name, counted(keras, i));
  }
  return names;
}

const CLASSIFIERS: Readonly<Record<string, string>> = {
  'fc6,fc7,fc8': 'fc1,fc2,predictions',
  'fc6,fc8': 'fc1,predictions',
  fc8: 'predictions',
};

/** The names of keras.applications, by ours. */
function applications(layers: readonly Layer[]): Map<string, string> {
  const names = automatic(layers);
  const connected = layers.flatMap(({ kind, name }) => (kind === 'fullyConnected' ? [name] : []));
  for (const [i, keras] of CLASSIFIERS[connected.join()]?.split(',').entries() ?? []) names.set(connected[i]!, keras);
  for (const { kind, name } of layers) {
    const [, stage, number] = /^conv(\d)_(\d)$/.exec(name) ?? [];
    if (kind === 'convolution') names.set(name, `block${stage}_conv${number}`);
  }
  return names;
}

function kerasNaming(
  namesOf: (layers: readonly Layer[]) => Map<string, string>,
  nameOf: (layer: string, role: string, place: number) => string,
): Naming {
  return {
    name: 'keras',
    channels: 'BGR',
    preprocessing: KERAS_PREPROCESSING,
    varianceEpsilon: 1e-3,
    places: (layers) => {
      const names = namesOf(layers);
      return placesOf(layers, 'same', (layer, role) => nameOf(names.get(layer.name)!, ...ROLES[role]!));
    },
  };
}

/** https://github.com/keras-team/keras: `applications/vgg16.py`, `legacy/saving/legacy_h5_format.py`, `saving/saving_lib.py` */
export const KERAS: readonly Naming[] = [
  // Keras 2's HDF5: a group for each layer, in it the variables' own paths.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}/${role}:0`),
  // Keras 3's.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}/${role}`),
  // Keras 1's, in which the nets of keras.applications are published.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}_${role === 'kernel' ? 'W' : 'b'}_1:0`),
  // The variables' own names, as the converter of TF.js keeps them.
  kerasNaming(applications, (layer, role) => `${layer}/${role}`),
  // `.keras` of Keras 3 and 2.12: layers by kind and number, whatever their names.
  kerasNaming(automatic, (layer, _, place) => `layers/${layer}/vars/${place}`),
  kerasNaming(automatic, (layer, _, place) => `_layer_checkpoint_dependencies/${layer}/vars/${place}`),
];
