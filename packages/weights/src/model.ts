/** Nets as the bytes of one safetensors file: weights, options, class order and preprocessing. */
import { sizeOf, VggError } from '@vgg/core';
import { createVgg, summarise, type Vgg, zeroInitialiser } from '@vgg/models';
import { checkBackend } from './backend';
import { describeModel, type ModelDescription, parseDescription } from './description';
import { checkFit, compareWeights, selectTensors } from './fit';
import { loadWeights } from './load-weights';
import { type InputTransform, inputTransform } from './preprocessing';
import { fromFloat32, type TensorData } from './safetensors/dtypes';
import { parseSafetensors, serialiseSafetensors } from './safetensors/memory';

/** Net read from a file. The caller disposes `model`. */
export interface SavedModel extends ModelDescription {
  readonly model: Vgg;
  /** The preprocessing as one transform of an image, for `classify` of `@vgg/eval`. Undefined for other channels than RGB and grey. */
  readonly transform: InputTransform | undefined;
  /** Metadata of the file without the description of the net. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Description of a net to save. */
export interface SaveOptions extends ModelDescription {
  /** Additional metadata of the file. Default none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Options of {@link parseModel} and `loadModel`. */
export interface LoadOptions {
  /** Prefix of the names of the net's tensors; other tensors are ignored. `model/` in a checkpoint. Default the empty text. */
  readonly prefix?: string | undefined;
}

/** Returns the metadata of a net's file. */
export function modelMetadata(model: Vgg, options: SaveOptions): Record<string, string> {
  checkArguments(model, options);
  const { metadata = {}, ...description } = options;
  return { ...metadata, ...describeModel(model.options, description) };
}

/** @throws VggError `VGG_ARGUMENT` unless a net and its description are passed. */
function checkArguments(model: Vgg, options: SaveOptions): void {
  const isNet = typeof model === 'object' && model !== null && 'variables' in model && 'options' in model;
  const hasDescription = typeof options === 'object' && options !== null;
  if (isNet && hasDescription) return;
  const what = isNet ? 'no description of the net' : 'something that is not a net, such as what loadNet returns';
  throw new VggError(
    'argument',
    `expected a net and its description, got ${what}: pass net.model, { classes, preprocessing }`,
  );
}

interface Shaped {
  readonly shape: readonly number[];
}

/**
 * Creates the net that a file describes, with all weights 0.
 * @param shapes the file's tensors, by the net's names.
 * @throws VggError `VGG_WEIGHTS` unless names and shapes are exactly the net's.
 */
export function emptyModel(
  metadata: Readonly<Record<string, string>>,
  shapes: ReadonlyMap<string, Shaped>,
  source: string,
): SavedModel {
  const { options, classes, preprocessing, rest } = parseDescription(metadata, source);
  const size = [...shapes.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  checkBackend();
  checkSize(() => summarise(options).memory.weights / 4, size, source);
  const model = createVgg(options, zeroInitialiser());
  try {
    checkFit(compareWeights(model.variables, shapes), source);
  } catch (error) {
    model.dispose();
    throw error;
  }
  const transform = inputTransform(preprocessing, options);
  return { model, classes, preprocessing, transform, metadata: rest };
}

/** Checks that the options do not describe a net far larger than the file, whose memory would then be allocated. */
function checkSize(count: () => number, size: number, source: string): void {
  let needed: number;
  try {
    needed = count();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VggError('weights', `${source} does not describe its net: ${reason}`, { cause });
  }
  if (needed <= 2 * size + 2 ** 20) return;
  throw new VggError('weights', `${source} does not fit the net: it holds ${size} weights, its options need ${needed}`);
}

/**
 * Returns a net as the bytes of a safetensors file, which {@link parseModel} reads. In Node `saveModel` writes a file.
 * @throws VggError `VGG_ARGUMENT` unless there is a name for each class, a finite mean and a scale.
 */
export async function serialiseModel(model: Vgg, options: SaveOptions): Promise<Uint8Array> {
  const metadata = modelMetadata(model, options);
  const tensors = new Map<string, TensorData>();
  for (const [name, variable] of model.variables) {
    tensors.set(name, fromFloat32(variable.shape, (await variable.data()) as Float32Array));
  }
  return serialiseSafetensors(tensors, metadata);
}

/**
 * Creates the net that the bytes of a safetensors file describe.
 * @param source name of the file in errors.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is damaged, does not describe its net, or its tensors
 *   are not those of the net.
 */
export function parseModel(bytes: Uint8Array, source = 'the file', { prefix = '' }: LoadOptions = {}): SavedModel {
  const { tensors, metadata } = parseSafetensors(bytes, source);
  const own = selectTensors(tensors, prefix);
  const saved = emptyModel(metadata, own, source);
  try {
    loadWeights(saved.model, own, { source });
  } catch (error) {
    saved.model.dispose();
    throw error;
  }
  return saved;
}
