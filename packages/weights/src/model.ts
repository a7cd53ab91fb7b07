/** A whole network as the bytes of one safetensors file: weights, options, class order, preprocessing. */
import { sizeOf, VggError } from '@vgg/core';
import { createVgg, summarise, type Vgg, zeroInitialiser } from '@vgg/models';
import { describeModel, type ModelDescription, parseDescription } from './description';
import { checkFit, compareWeights } from './fit';
import { loadWeights } from './load-weights';
import { fromFloat32, type TensorData } from './safetensors/dtypes';
import { parseSafetensors, serialiseSafetensors } from './safetensors/memory';

/** A network as read from a file. The caller disposes `model`. */
export interface SavedModel extends ModelDescription {
  readonly model: Vgg;
  /** What else the file's metadata holds. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface SaveOptions extends ModelDescription {
  /** Free text to keep in the file besides. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface LoadOptions {
  /** Only tensors whose names start so belong to the network, under the rest of their names: `model/` in a checkpoint. */
  readonly prefix?: string;
}

/** The metadata of a network's file. */
export function modelMetadata(model: Vgg, { metadata = {}, ...description }: SaveOptions): Record<string, string> {
  return { ...metadata, ...describeModel(model.options, description) };
}

/** The tensors of a file that belong to the network, by the network's names. */
export function selectTensors<T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const own = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

interface Shaped {
  readonly shape: readonly number[];
}

/**
 * Makes the network that a file describes, all weights 0 until they are loaded: none are drawn.
 * @param shapes the file's tensors, by the network's names.
 * @throws VggError `VGG_WEIGHTS` unless names and shapes are exactly the network's.
 */
export function emptyModel(
  metadata: Readonly<Record<string, string>>,
  shapes: ReadonlyMap<string, Shaped>,
  source: string,
): SavedModel {
  const { options, classes, preprocessing, rest } = parseDescription(metadata, source);
  const held = [...shapes.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  checkSize(() => summarise(options).memory.weights / 4, held, source);
  const model = createVgg(options, zeroInitialiser());
  try {
    checkFit(compareWeights(model.variables, shapes), source);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, classes, preprocessing, metadata: rest };
}

/** Keeps options that describe a far larger net than the file holds from taking its memory. */
function checkSize(count: () => number, held: number, source: string): void {
  let needed: number;
  try {
    needed = count();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new VggError('weights', `${source} does not describe its net: ${reason}`, { cause });
  }
  if (needed <= 2 * held + 2 ** 20) return;
  throw new VggError('weights', `${source} does not fit the net: it holds ${held} weights, its options need ${needed}`);
}

/**
 * A network as the bytes of a safetensors file; `parseModel` reads it back. In Node `saveModel` writes a file.
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
 * Makes the network that a safetensors file's bytes describe, its weights straight in its variables.
 * @param source what to call the file in errors.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when it is not sound, does not describe its network, or
 *   holds other tensors than the network has.
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
