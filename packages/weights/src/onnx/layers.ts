/**
 * Layers of an ONNX graph: the chain of nodes from the images to the scores, with the places of their weights. Operations that
 * change no numbers (Identity, Dropout, Reshape, ...) are left out.
 * https://github.com/onnx/onnx/blob/main/docs/Operators.md
 */
import { sizeOf } from '@vgg/core';
import { PREPROCESS } from '../export/preprocess';
import type { Layout, Place, WeightGraph } from '../sources/graph';
import type { StoredTensor } from '../sources/source';
import { numberOf, numbersOf, type OnnxNode, tensorOf, textOf } from './nodes';
import type { OnnxTensor } from './tensors';

/** Input or output of a graph; undefined sides have any size. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | undefined)[];
}

/** Content of a GraphProto. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValue[];
}

/** Chain of layers with the tensors that they use. */
export interface OnnxLayers {
  readonly graph: WeightGraph;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Operations that change no numbers, or (soft-max) only those after the scores. */
const NEUTRAL: ReadonlySet<string> = new Set(
  'Identity Dropout Flatten Reshape Squeeze Unsqueeze Cast Softmax LogSoftmax'.split(' '),
);
/** Operations on the sizes of tensors. */
const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size', 'ConstantOfShape']);
/** Largest number of Identity nodes between a constant and its use. */
const MAX_STEPS = 16;
const TO_CHANNELS_LAST = '0,2,3,1';
const TO_CHANNELS_FIRST = '0,3,1,2';

function isAll(values: readonly number[] | undefined, expected: number): boolean {
  return values === undefined || values.every((value) => value === expected);
}

/** Returns `convolution` for one that keeps the size of the map, `fullyConnected` for one on a whole map. */
function convolutionKind(node: OnnxNode, [, , rows = 1, columns = 1]: readonly number[]): string {
  const plain = isAll(numbersOf(node, 'strides'), 1) && isAll(numbersOf(node, 'dilations'), 1);
  if (!plain || numberOf(node, 'group', 1) !== 1) return 'Conv of another kind';
  const keepsSize = textOf(node, 'auto_pad').startsWith('SAME_');
  const pads = numbersOf(node, 'pads') ?? [0];
  if (rows === columns && (keepsSize || isAll(pads, (rows - 1) / 2))) return 'convolution';
  return !keepsSize && isAll(pads, 0) ? 'fullyConnected' : 'Conv of another kind';
}

/** Returns the input size of a net for images of a fixed size; undefined for images of any size. */
function inputSizeOf(sides: readonly (number | undefined)[]): WeightGraph['inputSize'] {
  // Sizes that are not a multiple of 32 give the same maps as the next smaller multiple.
  const [height, width] = sides.map((side = 0) => 32 * Math.floor(side / 32));
  if (!height || !width) return undefined;
  return height === width ? height : [height, width];
}

/** Returns the kind of a node without weights. */
function simpleKind(node: OnnxNode): string {
  if (node.type === 'Relu') return 'relu';
  if (node.type === 'LRN') return 'localResponseNorm';
  const isHalving = isAll(numbersOf(node, 'kernel_shape'), 2) && numbersOf(node, 'strides')?.join() === '2,2';
  return node.type === 'MaxPool' && isHalving && isAll(numbersOf(node, 'pads'), 0) ? 'maxPool' : node.type;
}

/** Walk along the nodes of a graph. */
class Chain {
  readonly #graph: OnnxGraph;
  readonly #fail: (what: string) => Error;
  readonly #makers: ReadonlyMap<string, OnnxNode>;
  readonly tensors = new Map<string, StoredTensor>();
  readonly layers: { kind: string; places: Record<string, Place> }[] = [];
  /** Name of the latest value of the chain. */
  #value = '';
  #isChannelsLast = false;
  readonly #inputSize: WeightGraph['inputSize'];

  constructor(graph: OnnxGraph, fail: (what: string) => Error) {
    this.#graph = graph;
    this.#fail = fail;
    this.#makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
    // Older files list their constants among the inputs.
    const inputs = graph.inputs.filter(({ name }) => !graph.constants.has(name));
    const [images] = inputs;
    if (images === undefined || inputs.length > 1) throw fail(`it takes ${inputs.length} inputs, expected the images`);
    this.#value = images.name;
    const [, first, second, third] = images.shape;
    this.#isChannelsLast = third === 3;
    this.#inputSize = inputSizeOf(this.#isChannelsLast ? [first, second] : [second, third]);
  }

  walk(): OnnxLayers {
    for (const node of this.#graph.nodes) {
      if (!node.inputs.includes(this.#value) || SIZES.has(node.type)) continue;
      this.#add(node);
      this.#value = node.outputs[0] ?? '';
    }
    return { graph: { layers: this.layers, inputSize: this.#inputSize }, tensors: this.tensors };
  }

  #add(node: OnnxNode): void {
    const { type } = node;
    if (type === 'Conv') this.#convolution(node);
    else if (type === 'Gemm' || type === 'MatMul') this.#product(node);
    else if (type === 'Add') this.#addition(node);
    else if (type === 'BatchNormalization') this.#batchNorm(node);
    else if (type === 'Transpose') this.#transposition(node);
    else if (!NEUTRAL.has(type) && !this.#isIdentity(node)) this.#push(simpleKind(node));
  }

  /** Returns true for the average of single values: PyTorch's adaptive pooling of a map that has its size already. */
  #isIdentity(node: OnnxNode): boolean {
    if (node.type === 'GlobalAveragePool') return this.#inputSize === 32;
    return node.type === 'AveragePool' && isAll(numbersOf(node, 'kernel_shape'), 1);
  }

  #transposition(node: OnnxNode): void {
    const order = numbersOf(node, 'perm')?.join();
    if (order === TO_CHANNELS_LAST) this.#isChannelsLast = true;
    else if (order === TO_CHANNELS_FIRST) this.#isChannelsLast = false;
    else this.#push('Transpose');
  }

  #push(kind: string, places: Record<string, Place> = {}): void {
    this.layers.push({ kind, places });
  }

  /** Returns the constant of a name; undefined if it is computed. */
  #constant(name: string | undefined): OnnxTensor | undefined {
    let current = name;
    for (let step = 0; current && step < MAX_STEPS; step++) {
      const constant = this.#graph.constants.get(current);
      if (constant) return { ...constant, name: current };
      const maker: OnnxNode | undefined = this.#makers.get(current);
      const value = maker?.type === 'Constant' ? tensorOf(maker, 'value') : undefined;
      if (value) return { ...value, name: current };
      // PyTorch writes equal constants once.
      current = maker?.type === 'Identity' ? maker.inputs[0] : undefined;
    }
    return undefined;
  }

  /** Keeps a tensor and returns its place. */
  #place(name: string, stored: StoredTensor, layout: Layout): Place {
    this.tensors.set(name, stored);
    return { name, layout };
  }

  #weight(node: OnnxNode): OnnxTensor {
    const name = node.inputs[1];
    const weight = this.#constant(name);
    if (weight) return weight;
    const maker = this.#makers.get(name ?? '')?.type ?? 'an input';
    const where = JSON.stringify((node.name || node.outputs[0] || '').slice(0, 80));
    throw this.#fail(`the weights of ${where} come from ${maker.slice(0, 40)}, expected constants: is it quantised?`);
  }

  /** Returns the place of a vector with a value for each channel. */
  #vector(name: string | undefined): Place {
    const constant = this.#constant(name);
    if (constant) return this.#place(constant.name, flat(constant.stored), 'same');
    throw this.#fail(`${JSON.stringify(name?.slice(0, 80) ?? '')} is not a constant`);
  }

  /** Returns the place of a product's bias; without one, of zeros. */
  #bias(name: string | undefined, outputs: number, weight: string): Place {
    if (name) return this.#vector(name);
    const read: StoredTensor['read'] = async ({ begin, end }) => new Uint8Array(4 * (end - begin));
    return this.#place(zerosOf(weight), { dtype: 'F32', shape: [outputs], read }, 'same');
  }

  #convolution(node: OnnxNode): void {
    const { name, stored } = this.#weight(node);
    if (name === PREPROCESS.weight) return;
    const weight = this.#place(name, stored, 'outputsFirst');
    const bias = this.#bias(node.inputs[2], outputsOf(stored.shape, 0), name);
    this.#push(convolutionKind(node, stored.shape), { weight, bias });
  }

  #product(node: OnnxNode): void {
    const maker = this.#makers.get(node.inputs[1] ?? '');
    const turned = maker?.type === 'Transpose' ? this.#constant(maker.inputs[0]) : undefined;
    const { name, stored } = turned ?? this.#weight(node);
    const isTransposed = (numberOf(node, 'transB', 0) === 1) !== (turned !== undefined);
    const isPlain = numberOf(node, 'alpha', 1) === 1 && numberOf(node, 'beta', 1) === 1 && !numberOf(node, 'transA', 0);
    const isKnown = isPlain && stored.shape.length === 2 && !(isTransposed && this.#isChannelsLast);
    const plain = this.#isChannelsLast ? 'same' : 'channelsFirst';
    const weight = this.#place(name, stored, isTransposed ? 'outputsFirst' : plain);
    const bias = this.#bias(node.inputs[2], outputsOf(stored.shape, isTransposed ? 0 : 1), name);
    this.#push(isKnown ? 'fullyConnected' : `${node.type} of another kind`, { weight, bias });
  }

  /** Makes an addition after a product without a bias its bias. */
  #addition(node: OnnxNode): void {
    const last = this.layers.at(-1);
    const other = this.#constant(node.inputs.find((input) => input !== this.#value));
    const { weight, bias } = last?.places ?? {};
    const outputs = bias && this.tensors.get(bias.name)!;
    const isBias = weight && bias?.name === zerosOf(weight.name) && other && outputs;
    if (!isBias || sizeOf(other.stored.shape) !== sizeOf(outputs.shape)) {
      this.#push('Add');
      return;
    }
    this.tensors.delete(bias.name);
    last!.places.bias = this.#place(other.name, flat(other.stored), 'same');
  }

  #batchNorm(node: OnnxNode): void {
    const [, scale, offset, mean, variance] = node.inputs;
    const places = {
      scale: this.#vector(scale),
      offset: this.#vector(offset),
      mean: this.#vector(mean),
      variance: this.#vector(variance),
    };
    const { name } = places.variance;
    this.tensors.set(name, { ...this.tensors.get(name)!, varianceEpsilon: numberOf(node, 'epsilon', 1e-5) });
    this.#push('batchNorm', places);
  }
}

/** Returns the name of the bias of a product that has none. */
function zerosOf(weight: string): string {
  return `${weight}.bias`;
}

/** Returns the number of a product's outputs, 0 for a weight without numbers. */
function outputsOf(shape: readonly number[], axis: number): number {
  return sizeOf(shape) > 0 ? (shape[axis] ?? 0) : 0;
}

/** Returns a tensor as a vector. */
function flat(stored: StoredTensor): StoredTensor {
  if (stored.shape.length <= 1) return stored;
  const count = sizeOf(stored.shape);
  const size = stored.shape[0] || 1;
  if (count === size) return { ...stored, shape: [count] };
  return { ...stored, shape: [count], read: (rows) => sliceOf(stored, rows, count) };
}

async function sliceOf(stored: StoredTensor, { begin, end }: { begin: number; end: number }, count: number) {
  const bytes = await stored.read({ begin: 0, end: stored.shape[0]! });
  const size = bytes.length / count;
  return bytes.subarray(begin * size, end * size);
}

/**
 * Finds the layers of a graph.
 * @throws VggError made by `fail` when it takes other inputs than images, or a weight is not a constant.
 */
export function onnxLayers(graph: OnnxGraph, fail: (what: string) => Error): OnnxLayers {
  return new Chain(graph, fail).walk();
}
