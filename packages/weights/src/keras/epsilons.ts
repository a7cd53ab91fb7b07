/**
 * What a Keras model's configuration says of its batch norms: the epsilon that each adds to the variance, by the layer's name
 * and by the path that `.keras` gives it. https://github.com/keras-team/keras: `saving/saving_lib.py`
 */
import { VggError } from '@vgg/core';
import { isJsonObject, type JsonObject } from '../sources/json';
import type { TensorInfo } from '../sources/source';

interface BatchNorm {
  readonly name: unknown;
  /** `layers/batch_normalization_1`. */
  readonly path: string;
  readonly epsilon: unknown;
}

/** `batch_normalization` of `BatchNormalization`, as Keras makes paths of classes. */
function snakeCase(name: string): string {
  return name.replace(/(.)([A-Z][a-z]+)/g, '$1_$2').toLowerCase();
}

/** The batch norms of a model's `config`, whose layers may be models themselves. */
function* batchNorms(config: unknown, above = ''): Generator<BatchNorm> {
  // Of a Sequential of Keras's first versions it is the list itself.
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

/** A layer's own name has few parts, each of which a variable's path may repeat. */
const MAX_PARTS = 4;

/** What a variance's layer may be called, the likeliest first: paths of layers by number, or ending in their names. */
function layersOf(tensor: string): string[] {
  const byNumber = /^(.*)\/vars\/3$/.exec(tensor)?.[1];
  if (byNumber !== undefined) return [byNumber.replace(/^_layer_checkpoint_dependencies/, 'layers')];
  const parts = tensor.split('/').slice(-MAX_PARTS - 1);
  return /^moving_variance(:0)?$/.test(parts.pop()!) ? parts.map((_, i) => parts.slice(i).join('/')) : [];
}

/**
 * A file's tensors, each variance with its epsilon where the model's configuration has it.
 * @param model `{ class_name, config }` as Keras writes a model, or anything else, which then says nothing.
 * @throws VggError `VGG_WEIGHTS` for an epsilon that is no number from 0 on.
 */
export function withEpsilons<T extends TensorInfo>(
  tensors: ReadonlyMap<string, T>,
  model: unknown,
  source: string,
): ReadonlyMap<string, T> {
  const epsilons = new Map<unknown, number>();
  for (const { name, path, epsilon } of batchNorms(isJsonObject(model) ? model.config : undefined)) {
    if (epsilon === undefined) continue; // Keras's default.
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

/** The model in a `modelTopology` of TF.js: as the converter keeps it, or as TF.js writes it. */
export function modelOfTopology({ modelTopology }: JsonObject): unknown {
  return isJsonObject(modelTopology) ? (modelTopology.model_config ?? modelTopology) : undefined;
}
