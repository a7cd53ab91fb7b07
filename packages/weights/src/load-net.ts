/** A net from a file of any format and naming: recognised, made, its weights read one at a time. */
import { backend, dispose, fill, ready, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { sizeOf, VggError } from '@vgg/core';
import { createVgg, summarise, type VariableSpec, type Vgg } from '@vgg/models';
import { describedUse } from './description';
import { checkFinite, checkFit, type WeightReport } from './fit';
import { type NetWeights, type RecogniseOptions, recogniseNet } from './names/recognise';
import { type InputTransform, inputTransform, type Preprocessing, preprocessingFault } from './preprocessing';
import type { WeightSource } from './sources/source';

export interface LoadNetOptions extends RecogniseOptions {
  /** Whether a weight that is missing, left over or of another shape is an error. Default true. */
  readonly strict?: boolean;
  /** Class names in the order of the outputs, where the file does not say them or says them wrong. */
  readonly classes?: readonly string[];
  /**
   * How the net takes its images, likewise. `channels: 'BGR'` means conv1_1 as the file has it, `mean` and `std` then run
   * blue, green, red.
   */
  readonly preprocessing?: Preprocessing;
}

/** A net from a file. The caller disposes `model`. */
export interface LoadedNet {
  readonly model: Vgg;
  /** Class names in the order of the outputs; their numbers where nothing names them. */
  readonly classes: readonly string[];
  /** How the net takes its images; undefined where nothing says so. */
  readonly preprocessing: Preprocessing | undefined;
  /** The same as one transform of a photograph, for a classifier (`createClassifier` of `@vgg/eval`). */
  readonly transform: InputTransform | undefined;
  /** Who says how the net takes its images: the caller, the file, or the collection whose names its tensors have. */
  readonly describedBy: 'caller' | 'file' | 'collection' | 'nobody';
  /** The file's format: `pytorch`. */
  readonly format: string;
  /** Whose names its tensors had: `torchvision`. */
  readonly naming: string;
  readonly report: WeightReport;
}

/** The variables that a file lacks start as no layer at all would: weights 0, batch norm the identity. */
function blank({ role, shape }: VariableSpec): Float32Array {
  return new Float32Array(sizeOf(shape)).fill(role === 'scale' || role === 'variance' ? 1 : 0);
}

/** Keeps a file that tells of a far larger net than it holds from taking that net's memory. */
function checkHeld(weights: NetWeights, source: string): void {
  const held = [...weights.tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const needed = summarise(weights.options).memory.weights / 4;
  if (needed <= 8 * held + 2 ** 27) return;
  throw new VggError('weights', `${source} does not fit the net: it holds ${held} weights of ${needed}`);
}

/** The same preprocessing for a net whose conv1_1 was turned from BGR to RGB. */
function turned(given: Preprocessing, { naming }: NetWeights): Preprocessing {
  if (naming.channels === 'RGB' || given.channels !== 'BGR') return given;
  const { std } = given;
  const reversed = (values: Preprocessing['mean']) => [...values].reverse() as unknown as Preprocessing['mean'];
  return { ...given, channels: 'RGB', mean: reversed(given.mean), ...(std && { std: reversed(std) }) };
}

/** How a net is used: its class order and how it takes images, and who says so. */
export type NetUse = Pick<LoadedNet, 'classes' | 'preprocessing' | 'transform' | 'describedBy'>;

/**
 * What is said of the use of a net, by whom it is best known: the caller, the file, the collection of its names.
 * @throws VggError `VGG_WEIGHTS` when the file says it unsoundly.
 */
export async function netUse(source: WeightSource, weights: NetWeights, options: LoadNetOptions = {}): Promise<NetUse> {
  const { classes: count, head, inputSize } = weights.options;
  const file = describedUse(source.metadata, weights.options, source.name);
  const collection = weights.naming.preprocessing;
  const said = [
    ['caller', options.preprocessing && turned(options.preprocessing, weights)],
    ['file', file?.preprocessing],
    ['collection', collection],
    ['nobody', undefined],
  ] as const;
  const [describedBy, preprocessing] = said.find(([, value]) => value !== undefined) ?? said[3];
  const outputs = head === 'none' ? 0 : count;
  const known = collection !== undefined && outputs === 1000;
  const classes =
    (head === 'none' ? [] : options.classes) ??
    file?.classes ??
    (known ? (await import('./imagenet')).IMAGENET_CLASSES : Array.from({ length: outputs }, (_, i) => String(i)));
  const transform = preprocessing && inputTransform(preprocessing, inputSize);
  return { classes, preprocessing, transform, describedBy };
}

/** @throws VggError `VGG_ARGUMENT` for what the caller says of the net when it is not sound. */
function checkCaller({ classes, preprocessing }: LoadNetOptions, { options }: NetWeights): void {
  const fault = preprocessing && preprocessingFault(preprocessing);
  if (fault !== undefined) throw new VggError('argument', `preprocessing of a net: ${fault}`);
  if (classes === undefined || options.head === 'none' || classes.length === options.classes) return;
  throw new VggError(
    'argument',
    `expected as many class names as the net has classes, ${options.classes}, got ${classes.length}`,
  );
}

/** A backend that keeps tensors where they can be written to: TF.js's WASM backend, in its heap. */
interface HeapBackend {
  typedArrayFromHeap(tensor: Tensor): Float32Array;
}

function hasHeap(backend: object): backend is HeapBackend {
  return 'typedArrayFromHeap' in backend;
}

/** A variable's numbers as a tensor; where the backend copies what it is given, written straight to its own memory. */
async function readTensor(weights: NetWeights, name: string, shape: number[], source: string): Promise<Tensor> {
  const engine = backend();
  if (!hasHeap(engine)) {
    const values = await weights.read(name);
    checkFinite(name, values, source);
    return tensor(values, shape);
  }
  const made = fill(shape, 0);
  try {
    checkFinite(name, await weights.read(name, () => engine.typedArrayFromHeap(made)), source);
    return made;
  } catch (error) {
    made.dispose();
    throw error;
  }
}

/**
 * Makes the net that a file holds. Its weights go to the backend one by one; besides them about 16 MB are in use.
 * @param source an open file; it stays open.
 * @throws VggError `VGG_WEIGHTS`, one line that names the file, when there is no net, it does not fit, or a weight is not
 *   finite; `VGG_IO` when the system refuses.
 */
export async function loadNet(source: WeightSource, options: LoadNetOptions = {}): Promise<LoadedNet> {
  const { strict = true } = options;
  const weights = recogniseNet(source, options);
  checkCaller(options, weights);
  if (strict) checkFit(weights.report, source.name);
  checkHeld(weights, source.name);
  const use = await netUse(source, weights, options);
  await ready();
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, { shape }] of weights.tensors) {
      tensors.set(name, await readTensor(weights, name, [...shape], source.name));
    }
    const model = createVgg(weights.options, (spec) => tensors.get(spec.name) ?? blank(spec));
    return { model, ...use, format: source.format, naming: weights.naming.name, report: weights.report };
  } finally {
    dispose([...tensors.values()]);
  }
}
