/**
 * Namings of Keras: the names of keras.applications as each version of Keras writes them. conv1_1 takes BGR, as in the
 * published nets. The nets of keras.applications have no batch norm; its layers have the names that Keras generates.
 */
import type { Layer } from '@vgg/models';
import type { Preprocessing } from '../preprocessing';
import { type Naming, placesOf } from './naming';

/**
 * Preprocessing of keras.applications: `preprocess_input` of its vgg16 on images that `load_img` resized to 224 x 224. The
 * mean is in our order, RGB.
 */
export const KERAS_PREPROCESSING: Preprocessing = {
  mean: [123.68, 116.779, 103.939],
  scale: 224,
  resize: 'stretch',
  interpolation: 'pillow-nearest',
};

/** Keras's name of a variable and its index in the list of the layer's variables, by role. */
const ROLES: Readonly<Record<string, readonly [name: string, place: number]>> = {
  weight: ['kernel', 0],
  bias: ['bias', 1],
  scale: ['gamma', 0],
  offset: ['beta', 1],
  mean: ['moving_mean', 2],
  variance: ['moving_variance', 3],
};

/** Returns the name that Keras generates for a layer: `batch_normalization`, `batch_normalization_1`, ... */
function generatedName(kind: string, index: number): string {
  return index === 0 ? kind : `${kind}_${index}`;
}

const KINDS: Readonly<Record<string, string>> = {
  convolution: 'conv2d',
  fullyConnected: 'dense',
  batchNorm: 'batch_normalization',
};

/** Returns the names that Keras generates for layers, by ours. */
function generatedNames(layers: readonly Layer[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const [kind, keras] of Object.entries(KINDS)) {
    const own = layers.filter((layer) => layer.kind === kind);
    for (const [i, { name }] of own.entries()) names.set(name, generatedName(keras, i));
  }
  return names;
}

const CLASSIFIERS: Readonly<Record<string, string>> = {
  'fc6,fc7,fc8': 'fc1,fc2,predictions',
  'fc6,fc8': 'fc1,predictions',
  fc8: 'predictions',
};

/** Returns the names of layers in keras.applications, by ours. */
function applications(layers: readonly Layer[]): Map<string, string> {
  const names = generatedNames(layers);
  const connected = layers.flatMap(({ kind, name }) => (kind === 'fullyConnected' ? [name] : []));
  for (const [i, keras] of CLASSIFIERS[connected.join()]?.split(',').entries() ?? []) names.set(connected[i]!, keras);
  for (const { kind, name } of layers) {
    const [, stage, number] = /^conv(\d+)_(\d+)$/.exec(name) ?? [];
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

/**
 * Namings of all versions of Keras. https://github.com/keras-team/keras: `applications/vgg16.py`,
 * `legacy/saving/legacy_h5_format.py`, `saving/saving_lib.py`
 */
export const KERAS: readonly Naming[] = [
  // HDF5 of Keras 2: a group for each layer, with the paths of its variables.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}/${role}:0`),
  // HDF5 of Keras 2 for a net that is a layer of another: the paths of the variables alone.
  kerasNaming(applications, (layer, role) => `${layer}/${role}:0`),
  // HDF5 of Keras 3.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}/${role}`),
  // HDF5 of Keras 1, the format in which the nets of keras.applications are published.
  kerasNaming(applications, (layer, role) => `${layer}/${layer}_${role === 'kernel' ? 'W' : 'b'}_1:0`),
  // The names of the variables, which the converter of TF.js keeps.
  kerasNaming(applications, (layer, role) => `${layer}/${role}`),
  // `.keras` of Keras 3 and 2.12: layers by kind and number, whatever their names.
  kerasNaming(generatedNames, (layer, _, place) => `layers/${layer}/vars/${place}`),
  kerasNaming(generatedNames, (layer, _, place) => `_layer_checkpoint_dependencies/${layer}/vars/${place}`),
];
