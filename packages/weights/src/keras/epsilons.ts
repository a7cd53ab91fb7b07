/**
 * Epsilons of batch norm in the configuration of a Keras model: the number that each layer adds to the variance, by the
 * layer's name and by its path in `.keras`. https://github.com/keras-team/keras: `saving/saving_lib.py`
 */
import { VggError } from '@vgg/core';
import { isJsonObject, type JsonObject } from '../sources/json';
import type { TensorInfo } from '../sources/source';

interface BatchNorm {
  readonly name: unknown;
  /** Path of the layer in `.keras`: `layers/batch_normalization_1`. */
  readonly path: string;
  readonly epsilon: unknown;
}

/** Returns the path that Keras makes of a class name: `batch_normalization` for `BatchNormalization`. */
function snakeCase(name: string): string {
  return name.replace(/(.)([A-Z][a-z]+)/g, '$1_$2').toLowerCase();
}

/** Yields the batch norms in a model's `config`. Its layers may be models themselves. */
function* batchNorms(config: unknown, above = ''): Generator<BatchNorm> {
  // In the first versions of Keras the config of a Sequential is the list of layers itself.
  const layers = isJsonObject(config) ? config.layers : config;
  if (!Array.isArray(layers)) return;
  const counts = new Map<string, number>();
  for (const layer of layers) {
    if (!isJsonObject(layer) || typeof layer.class_name !== 'string') continue;
    const kind = snakeCase(layer.class_name);
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    const path = `${above}layers/${kind}${count === 0 ? '' : `_${count}`}`;
    if (!/BatchNormalization(V\d)?$/.test(layer.class_name)) yield* batchNorms(layer.config, `${path}/`);
    else if (isJsonObject(layer.config)) yield { name: layer.config.name, path, epsilon: layer.config.epsilon };
  }
}

/** Largest number of parts in the name of a layer, which is the end of its variable's path. */
const MAX_PARTS = 4;

/** Returns possible names of a variance's layer, the most likely first: paths of layers by number, or ends of the path. */
function layersOf(tensor: string): string[] {
  const byNumber = /^(.*)\/vars\/3$/.exec(tensor)?.[1];
  if (byNumber !== undefined) return [byNumber.replace(/^_layer_checkpoint_dependencies/, 'layers')];
  const parts = tensor.split('/').slice(-MAX_PARTS - 1);
  return /^moving_variance(:0)?$/.test(parts.pop()!) ? parts.map((_, i) => parts.slice(i).join('/')) : [];
}

/**
 * Returns a file's tensors, in which each variance has its epsilon if the model's configuration defines it.
 * @param model `{ class_name, config }`, as Keras writes a model; anything else is ignored.
 * @throws VggError `VGG_WEIGHTS` for an epsilon that is not a number of at least 0.
 */
export function withEpsilons<T extends TensorInfo>(
  tensors: ReadonlyMap<string, T>,
  model: unknown,
  source: string,
): ReadonlyMap<string, T> {
  const epsilons = new Map<unknown, number>();
  for (const { name, path, epsilon } of batchNorms(isJsonObject(model) ? model.config : undefined)) {
    if (epsilon === undefined) continue; // The default of Keras.
    if (typeof epsilon !== 'number' || !(epsilon >= 0 && epsilon < 1e6)) {
      const got = JSON.stringify(epsilon).slice(0, 40);
      throw new VggError('weights', `${source} is not a valid Keras model: ${path} has an epsilon of ${got}`);
    }
    epsilons.set(name, epsilon).set(path, epsilon);
  }
  if (epsilons.size === 0) return tensors;
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const layer = layersOf(name).find((each) => epsilons.has(each));
      return [name, layer === undefined ? tensor : { ...tensor, varianceEpsilon: epsilons.get(layer)! }];
    }),
  );
}

/** Returns the model in a `modelTopology` of TF.js, as the converter or TF.js writes it. */
export function modelOfTopology({ modelTopology }: JsonObject): unknown {
  return isJsonObject(modelTopology) ? (modelTopology.model_config ?? modelTopology) : undefined;
}
