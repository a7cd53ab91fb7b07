/** Loading of a net from a file of any format and naming, one tensor at a time. */
import { backend, dispose, fill, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { sizeOf, VggError } from '@vgg/core';
import {
  type Configuration,
  createVgg,
  type LentTensor,
  lentTensor,
  summarise,
  type VariableSpec,
  type Vgg,
} from '@vgg/models';
import { readyBackend } from './backend';
import { describedUse } from './description';
import { checkFit, type WeightReport } from './fit';
import type { NetWeights } from './names/net-weights';
import { type RecogniseOptions, recogniseNet } from './names/recognise';
import { isOpen, type OpenOptions, openWeights, type WeightFile } from './open';
import { type InputTransform, inputTransform, type Preprocessing, preprocessingFault } from './preprocessing';
import type { WeightSource } from './sources/source';

/** Options of {@link loadNet}. */
export interface LoadNetOptions extends RecogniseOptions, OpenOptions {
  /** True if a weight that is missing, left over or of another shape is an error. Default true. */
  readonly strict?: boolean | undefined;
  /** Class names in the order of the outputs. Default those of the file or the collection. */
  readonly classes?: readonly string[] | undefined;
  /**
   * Preprocessing of the net's images. With `channels: 'BGR'`, `mean` and `std` are in the order blue, green, red. Default
   * that of the file or the collection.
   */
  readonly preprocessing?: Preprocessing | undefined;
}

/** Net loaded from a file. The caller disposes `model`. */
export interface LoadedNet<C extends Configuration = Configuration> {
  readonly model: Vgg<C>;
  /** Class names in the order of the outputs; `0`, `1`, ... if they are not known. */
  readonly classes: readonly string[];
  /** Preprocessing of the net's images; undefined if it is not known. */
  readonly preprocessing: Preprocessing | undefined;
  /** The same preprocessing as one transform of an image, for `classify` of `@vgg/eval`. */
  readonly transform: InputTransform | undefined;
  /** Source of the preprocessing: the caller, the file, the collection whose names its tensors have, or none. */
  readonly describedBy: 'caller' | 'file' | 'collection' | 'none';
  /** Format of the file: `pytorch`. */
  readonly format: string;
  /** Collection or framework whose names its tensors had: `torchvision`. */
  readonly naming: string;
  readonly report: WeightReport;
}

/** Returns values for a variable that the file lacks, so that it does nothing: weights 0, batch norm the identity. */
function neutralValues({ role, shape }: VariableSpec): Float32Array {
  return new Float32Array(sizeOf(shape)).fill(role === 'scale' || role === 'variance' ? 1 : 0);
}

/** Checks that the file does not claim a net far larger than itself, whose memory would then be allocated. */
function checkHeld(weights: NetWeights, source: string): void {
  const held = [...weights.tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const needed = summarise(weights.options).memory.weights / 4;
  if (needed <= 8 * held + 2 ** 27) return;
  throw new VggError('weights', `${source} does not fit the net: it holds ${held} weights of ${needed}`);
}

/** Converts a BGR preprocessing to RGB if the filters of conv1_1 are converted from BGR to RGB. */
function toRgb(preprocessing: Preprocessing, { naming }: NetWeights): Preprocessing {
  if (naming.channels === 'RGB' || preprocessing.channels !== 'BGR') return preprocessing;
  const { mean, std } = preprocessing;
  return { ...preprocessing, channels: 'RGB', mean: [...mean].reverse(), std: std && [...std].reverse() };
}

/** Class order and preprocessing of a net, with the source of the preprocessing. */
export type NetUse = Pick<LoadedNet, 'classes' | 'preprocessing' | 'transform' | 'describedBy'>;

/**
 * Returns the class order and preprocessing of a net, from the first source that has them: the caller, the file, the
 * collection whose names its tensors have.
 * @throws VggError `VGG_WEIGHTS` when the description in the file is not valid.
 */
export async function netUse(source: WeightSource, weights: NetWeights, options: LoadNetOptions = {}): Promise<NetUse> {
  const { classes: count, head, channels = 3 } = weights.options;
  const file = describedUse(source.metadata, weights.options, source.name);
  // The collections' nets are of RGB.
  const collection = channels === 3 ? weights.naming.preprocessing : undefined;
  const sources = [
    ['caller', options.preprocessing && toRgb(options.preprocessing, weights)],
    ['file', file?.preprocessing],
    ['collection', collection],
  ] as const;
  const [describedBy, preprocessing] = sources.find(([, value]) => value !== undefined) ?? ['none', undefined];
  const outputs = head === 'none' ? 0 : count;
  const isImagenet = weights.naming.preprocessing !== undefined && outputs === 1000;
  const classes =
    (head === 'none' ? [] : options.classes) ??
    file?.classes ??
    (isImagenet ? (await import('./imagenet')).IMAGENET_CLASSES : Array.from({ length: outputs }, (_, i) => String(i)));
  const transform = preprocessing && inputTransform(preprocessing, weights.options);
  return { classes, preprocessing, transform, describedBy };
}

/** @throws VggError `VGG_ARGUMENT` when the caller's preprocessing or class names are not valid. */
function checkCaller({ classes, preprocessing }: LoadNetOptions, { options }: NetWeights): void {
  const fault = preprocessing && preprocessingFault(preprocessing, options.channels);
  if (fault !== undefined) throw new VggError('argument', `preprocessing of a net: ${fault}`);
  if (classes === undefined || options.head === 'none' || classes.length === options.classes) return;
  throw new VggError(
    'argument',
    `expected as many class names as the net has classes, ${options.classes}, got ${classes.length}`,
  );
}

/** Backend whose tensors can be written to directly: TF.js's WASM backend, in its heap. */
interface HeapBackend {
  typedArrayFromHeap(tensor: Tensor): Float32Array;
}

function hasHeap(backend: object): backend is HeapBackend {
  return 'typedArrayFromHeap' in backend;
}

/** Reads a variable's values as a tensor: into the backend's own memory, if it allows that, to avoid a copy. */
async function readTensor(weights: NetWeights, name: string, shape: number[]): Promise<Tensor> {
  const lent = lentTensor(shape);
  if (lent !== undefined) return readLent(weights, name, lent);
  const current = backend();
  if (!hasHeap(current)) return tensor(await weights.read(name), shape);
  const target = fill(shape, 0);
  try {
    await weights.read(name, () => current.typedArrayFromHeap(target));
    return target;
  } catch (error) {
    target.dispose();
    throw error;
  }
}

async function readLent(weights: NetWeights, name: string, { tensor, numbers, release }: LentTensor): Promise<Tensor> {
  try {
    await weights.read(name, numbers);
    return tensor;
  } catch (error) {
    tensor.dispose();
    throw error;
  } finally {
    release();
  }
}

/** Creates the net of an open file. */
async function loadOpen(source: WeightSource, options: LoadNetOptions): Promise<LoadedNet> {
  const { strict = true } = options;
  const weights = recogniseNet(source, options);
  checkCaller(options, weights);
  if (strict) checkFit(weights.report, source.name);
  checkHeld(weights, source.name);
  const use = await netUse(source, weights, options);
  await readyBackend();
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, { shape }] of weights.tensors) {
      tensors.set(name, await readTensor(weights, name, [...shape]));
    }
    const model = createVgg(weights.options, (spec) => tensors.get(spec.name) ?? neutralValues(spec));
    return { model, ...use, format: source.format, naming: weights.naming.name, report: weights.report };
  } finally {
    dispose([...tensors.values()]);
  }
}

/** Loads a net as {@link loadNet} does. @param open opener of a file that is not open. */
export async function loadFrom(
  file: WeightFile | WeightSource,
  options: LoadNetOptions,
  open: (file: WeightFile, options: OpenOptions) => Promise<WeightSource>,
): Promise<LoadedNet> {
  if (isOpen(file)) return loadOpen(file, options);
  const source = await open(file, options);
  try {
    return await loadOpen(source, options);
  } finally {
    await source.close();
  }
}

/**
 * Loads the net that a file holds: of an address (also relative to the page), bytes, a Blob, or an open file. It closes what it
 * opened; an open file stays open. Its weights are copied to the backend one by one; this needs at most 32 MB in addition to them.
 * The caller disposes `model`. In Node, `loadNet` of `@vgg/weights/node` also takes a path.
 * @throws VggError as `openWeights`; `VGG_WEIGHTS`, one line that names the file, when there is no net, it does not fit, or a
 *   weight is not finite; `VGG_BACKEND` when no backend of TF.js is registered.
 */
export function loadNet(file: WeightFile | WeightSource, options: LoadNetOptions = {}): Promise<LoadedNet> {
  return loadFrom(file, options, openWeights);
}
