/**
 * The tensors of Caffe's layers. Batch norm is a BatchNorm layer, of running sums, and mostly a Scale layer behind it, both
 * under names that are anyone's: what they normalise is told by how the layers are joined.
 * https://github.com/BVLC/caffe/blob/master/src/caffe/layers/batch_norm_layer.cpp
 */
import { sizeOf } from '@vgg/core';
import { asFloat32 } from '../safetensors/dtypes';
import { rowCount, type StoredTensor } from '../sources/source';
import type { CaffeLayer } from './layers';

type NamedTensor = [name: string, tensor: StoredTensor];

async function numbers({ dtype, shape, read }: StoredTensor, rows = { begin: 0, end: rowCount(shape) }) {
  return asFloat32({ dtype, shape: [rows.end - rows.begin, ...shape.slice(1)], bytes: await read(rows) });
}

/** One number for each of a weight's outputs: what a file leaves out that says there is none. */
function constant(outputs: number, value: number): StoredTensor {
  const read: StoredTensor['read'] = async ({ begin, end }) =>
    new Uint8Array(new Float32Array(end - begin).fill(value).buffer);
  return { dtype: 'F32', shape: [outputs], read };
}

/** A running sum as the mean that it stands for; 0 where nothing was summed, as in Caffe. */
function divided(sum: StoredTensor, factor: number): StoredTensor {
  const read: StoredTensor['read'] = async (rows) => {
    const values = await numbers(sum, rows);
    return new Uint8Array(values.map((value) => (factor === 0 ? 0 : value / factor)).buffer);
  };
  return { ...sum, dtype: 'F32', read };
}

/** Whether a layer has the blobs of batch norm: sums of means and of variances, and one factor; or scales and offsets. */
function isWhole({ type, blobs }: CaffeLayer): boolean {
  if (type === 'BatchNorm') return blobs.length === 3 && sizeOf(blobs[2]!.shape) === 1;
  return blobs.length === 1 || blobs.length === 2;
}

/** What comes before each layer of batch norm, by that layer: the convolution's for BatchNorm, the BatchNorm's for Scale. */
const BEFORE: Readonly<Record<string, string>> = { BatchNorm: 'Convolution', Scale: 'BatchNorm' };

/** The convolution that each layer of batch norm belongs to; those that are joined in another way are in no net of ours. */
function batchNorms(layers: readonly CaffeLayer[]): Map<CaffeLayer, CaffeLayer> {
  const found = new Map<CaffeLayer, CaffeLayer>();
  const outputs = new Map<string, CaffeLayer>();
  const followed = new Set<CaffeLayer>();
  let previous: CaffeLayer | undefined;
  for (const layer of layers) {
    const [bottom] = layer.bottoms;
    const before = bottom === undefined ? previous : outputs.get(bottom);
    const convolution = before && (before.type === 'Convolution' ? before : found.get(before));
    if (before && convolution && before.type === BEFORE[layer.type] && isWhole(layer) && !followed.has(before)) {
      found.set(layer, convolution);
      followed.add(before);
    }
    for (const top of layer.tops) outputs.set(top, layer);
    previous = layer;
  }
  return found;
}

async function statistics(name: string, { blobs, epsilon }: CaffeLayer): Promise<NamedTensor[]> {
  const [mean, variance, factor] = blobs as [StoredTensor, StoredTensor, StoredTensor];
  const by = (await numbers(factor))[0]!;
  return [
    [`${name}.mean`, divided(mean, by)],
    [`${name}.variance`, { ...divided(variance, by), varianceEpsilon: epsilon }],
  ];
}

/** Scales and offsets; a layer without offsets has 0. */
function scaling(name: string, { blobs, biasTerm }: CaffeLayer): NamedTensor[] {
  const [scale, offset = biasTerm ? undefined : constant(sizeOf(scale!.shape), 0)] = blobs;
  return [[`${name}.scale`, scale!], ...(offset ? [[`${name}.offset`, offset] as NamedTensor] : [])];
}

/** A layer's blobs by number; a product without a bias has one of 0. */
function numbered({ name, type, blobs, biasTerm }: CaffeLayer): NamedTensor[] {
  const [weight] = blobs;
  const outputs = weight && sizeOf(weight.shape) > 0 ? weight.shape[0]! : 0;
  const unbiased = ['Convolution', 'InnerProduct'].includes(type) && blobs.length === 1 && !biasTerm;
  return (unbiased ? [weight!, constant(outputs, 0)] : blobs).map((blob, i) => [`${name}.${i}`, blob]);
}

/**
 * The tensors of a net: `conv1_1.0`, the weight, and `conv1_1.1`, the bias, and of batch norm, whatever its layers' names,
 * `conv1_1.mean`, `.variance`, `.scale` and `.offset` of the convolution that it normalises.
 */
export async function layerTensors(layers: readonly CaffeLayer[]): Promise<NamedTensor[]> {
  const norms = batchNorms(layers);
  const scaled = new Set([...norms].flatMap(([{ type }, convolution]) => (type === 'Scale' ? [convolution] : [])));
  const tensors: NamedTensor[] = [];
  for (const layer of layers) {
    const convolution = norms.get(layer);
    if (convolution === undefined) tensors.push(...numbered(layer));
    else if (layer.type === 'Scale') tensors.push(...scaling(convolution.name, layer));
    else {
      tensors.push(...(await statistics(convolution.name, layer)));
      if (scaled.has(convolution)) continue;
      const channels = sizeOf(layer.blobs[0]!.shape);
      tensors.push([`${convolution.name}.scale`, constant(channels, 1)]);
      tensors.push([`${convolution.name}.offset`, constant(channels, 0)]);
    }
  }
  return tensors;
}
