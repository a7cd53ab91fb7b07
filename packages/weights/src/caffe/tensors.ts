/**
 * Tensors of Caffe's layers. Batch norm is a BatchNorm layer with running sums, usually followed by a Scale layer. Both may
 * have any names: the connections between layers show which convolution they normalise.
 * https://github.com/BVLC/caffe/blob/master/src/caffe/layers/batch_norm_layer.cpp
 */
import { sizeOf } from '@vgg/core';
import { asFloat32 } from '../safetensors/dtypes';
import { rowCount, type StoredTensor } from '../sources/source';
import type { CaffeLayer } from './layers';

type NamedTensor = [name: string, tensor: StoredTensor];

async function readValues({ dtype, shape, read }: StoredTensor, rows = { begin: 0, end: rowCount(shape) }) {
  return asFloat32({ dtype, shape: [rows.end - rows.begin, ...shape.slice(1)], bytes: await read(rows) });
}

/** Returns a tensor with the same value for each output, for a bias or scale that the file does not have. */
function constant(outputs: number, value: number): StoredTensor {
  const read: StoredTensor['read'] = async ({ begin, end }) =>
    new Uint8Array(new Float32Array(end - begin).fill(value).buffer);
  return { dtype: 'F32', shape: [outputs], read };
}

/** Converts a running sum to a mean; 0 if nothing was summed, as in Caffe. */
function meanOf(sum: StoredTensor, factor: number): StoredTensor {
  const read: StoredTensor['read'] = async (rows) => {
    const values = await readValues(sum, rows);
    return new Uint8Array(values.map((value) => (factor === 0 ? 0 : value / factor)).buffer);
  };
  return { ...sum, dtype: 'F32', read };
}

/** Returns true if a layer has the blobs of batch norm: sums of means and variances, and one factor; or scales and offsets. */
function hasBlobs({ type, blobs }: CaffeLayer): boolean {
  if (type === 'BatchNorm') return blobs.length === 3 && sizeOf(blobs[2]!.shape) === 1;
  return blobs.length === 1 || blobs.length === 2;
}

/** Type of the layer before each layer of batch norm. */
const BEFORE: Readonly<Record<string, string>> = { BatchNorm: 'Convolution', Scale: 'BatchNorm' };

/** Returns the convolution of each layer of batch norm. Layers with other connections are not in our nets. */
function batchNorms(layers: readonly CaffeLayer[]): Map<CaffeLayer, CaffeLayer> {
  const convolutions = new Map<CaffeLayer, CaffeLayer>();
  const outputs = new Map<string, CaffeLayer>();
  /** Layers that already have a layer of batch norm after them. */
  const normalised = new Set<CaffeLayer>();
  let previous: CaffeLayer | undefined;
  for (const layer of layers) {
    const [bottom] = layer.bottoms;
    const before = bottom === undefined ? previous : outputs.get(bottom);
    const convolution = before && (before.type === 'Convolution' ? before : convolutions.get(before));
    if (before && convolution && before.type === BEFORE[layer.type] && hasBlobs(layer) && !normalised.has(before)) {
      convolutions.set(layer, convolution);
      normalised.add(before);
    }
    for (const top of layer.tops) outputs.set(top, layer);
    previous = layer;
  }
  return convolutions;
}

async function statistics(name: string, { blobs, epsilon }: CaffeLayer): Promise<NamedTensor[]> {
  const [mean, variance, factor] = blobs as [StoredTensor, StoredTensor, StoredTensor];
  const count = (await readValues(factor))[0]!;
  return [
    [`${name}.mean`, meanOf(mean, count)],
    [`${name}.variance`, { ...meanOf(variance, count), varianceEpsilon: epsilon }],
  ];
}

/** Returns the scales and offsets; offsets of 0 for a layer without them. */
function scaleTensors(name: string, { blobs, biasTerm }: CaffeLayer): NamedTensor[] {
  const [scale, offset = biasTerm ? undefined : constant(sizeOf(scale!.shape), 0)] = blobs;
  const tensors: NamedTensor[] = [[`${name}.scale`, scale!]];
  if (offset !== undefined) tensors.push([`${name}.offset`, offset]);
  return tensors;
}

/** Returns a layer's blobs by number, with a bias of 0 for a product without one. */
function blobTensors({ name, type, blobs, biasTerm }: CaffeLayer): NamedTensor[] {
  const [weight] = blobs;
  const outputs = weight && sizeOf(weight.shape) > 0 ? weight.shape[0]! : 0;
  const lacksBias = ['Convolution', 'InnerProduct'].includes(type) && blobs.length === 1 && !biasTerm;
  return (lacksBias ? [weight!, constant(outputs, 0)] : blobs).map((blob, i) => [`${name}.${i}`, blob]);
}

/**
 * Returns the tensors of a net: `conv1_1.0`, the weight, and `conv1_1.1`, the bias; of batch norm, whatever the names of its
 * layers, `conv1_1.mean`, `.variance`, `.scale` and `.offset` with the name of the convolution that it normalises.
 */
export async function layerTensors(layers: readonly CaffeLayer[]): Promise<NamedTensor[]> {
  const norms = batchNorms(layers);
  const withScale = new Set([...norms].flatMap(([{ type }, convolution]) => (type === 'Scale' ? [convolution] : [])));
  const tensors: NamedTensor[] = [];
  for (const layer of layers) {
    const convolution = norms.get(layer);
    if (convolution === undefined) for (const tensor of blobTensors(layer)) tensors.push(tensor);
    else if (layer.type === 'Scale') for (const tensor of scaleTensors(convolution.name, layer)) tensors.push(tensor);
    else {
      for (const tensor of await statistics(convolution.name, layer)) tensors.push(tensor);
      if (withScale.has(convolution)) continue;
      const channels = sizeOf(layer.blobs[0]!.shape);
      tensors.push([`${convolution.name}.scale`, constant(channels, 1)]);
      tensors.push([`${convolution.name}.offset`, constant(channels, 0)]);
    }
  }
  return tensors;
}
