/** Export of a net as a safetensors file with our own names, or with torchvision's for PyTorch's `load_state_dict`. */
import { sizeOf, VggError } from '@vgg/core';
import { type Layer, layerVariables } from '@vgg/models';
import { describeModel } from '../description';
import { type Naming, OWN } from '../names/naming';
import { TORCHVISION } from '../names/pytorch';
import { type FloatDtype, fromFloat32, storedDtype } from '../safetensors/dtypes';
import { layOut } from '../safetensors/header';
import type { Layout } from '../sources/graph';
import { outputsFirst, weightAxes } from './bands';
import { checkCount, type ExportOptions, inferenceLayers, type NetTensors } from './net';

const NAMINGS: Readonly<Record<'vgg' | 'torchvision', Naming>> = { vgg: OWN, torchvision: TORCHVISION };

/** Options of {@link exportSafetensors}. */
export interface SafetensorsExportOptions extends Pick<ExportOptions, 'description'> {
  /** Names and layouts: ours, which `loadModel` reads, or torchvision's. Default `vgg`. */
  readonly naming?: keyof typeof NAMINGS | undefined;
  /** Type of the weights in the file. With `F16`, vectors stay F32. Default `F32`. */
  readonly dtype?: Exclude<FloatDtype, 'F64'> | undefined;
}

type StoredDtype = Exclude<FloatDtype, 'F64'>;

/** Tensor of the file. */
interface Entry {
  readonly dtype: StoredDtype | 'I64';
  readonly shape: readonly number[];
  /** Yields the values in the file's layout, in parts; undefined for a counter of batches, which is 0. */
  parts?(): AsyncIterable<Float32Array>;
}

async function* valuesInLayout(
  net: NetTensors,
  name: string,
  layer: Layer,
  shape: readonly number[],
  layout: Layout,
): AsyncGenerator<Float32Array, void> {
  const values = checkCount(name, await net.read(name), sizeOf(shape));
  if (layout === 'outputsFirst' && (layer.kind === 'convolution' || layer.kind === 'fullyConnected')) {
    yield* outputsFirst(values, weightAxes(layer));
  } else yield values;
}

/** Returns the shape with outputs first: OIHW for HWIO, [outputs, inputs] for [inputs, outputs]. */
function outputsFirstShape(shape: readonly number[]): readonly number[] {
  return shape.length === 4 ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!] : [...shape].reverse();
}

function entries(net: NetTensors, naming: Naming, dtype: StoredDtype): Map<string, Entry> {
  const layers = inferenceLayers(net.options);
  const places = naming.places(layers);
  if (places === undefined) {
    const { head } = net.options;
    throw new VggError('argument', `${naming.name} has no net of head ${head}: expected paper, or our own names`);
  }
  const tensors = new Map<string, Entry>();
  for (const layer of layers) {
    for (const { name, shape } of layerVariables(layer)) {
      const { name: nameInFile, layout } = places.get(name)!;
      tensors.set(nameInFile, {
        dtype: storedDtype(dtype, shape),
        shape: layout === 'outputsFirst' ? outputsFirstShape(shape) : shape,
        parts: () => valuesInLayout(net, name, layer, shape, layout),
      });
      const batchNorm = /^(.*)\.running_var$/.exec(nameInFile)?.[1];
      if (batchNorm !== undefined) tensors.set(`${batchNorm}.num_batches_tracked`, { dtype: 'I64', shape: [] });
    }
  }
  return tensors;
}

/**
 * Yields the bytes of a safetensors file in order; in Node `writeFileAtomically(path, exportSafetensors(net))` writes it.
 * With torchvision's names `vgg16().load_state_dict(safetensors.torch.load_file(path))` loads it, for the nets of
 * torchvision: A, B, D and E at width 1 and input size 224, with or without batch norm.
 *
 * @throws VggError `VGG_ARGUMENT` for torchvision's names and a net of head `linear`, or for a description that is not valid.
 */
export async function* exportSafetensors(
  net: NetTensors,
  { naming = 'vgg', dtype = 'F32', description }: SafetensorsExportOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const tensors = entries(net, NAMINGS[naming], dtype);
  const metadata = description === undefined ? {} : describeModel(net.options, description);
  const { head, order } = layOut(tensors, naming === 'torchvision' ? { format: 'pt', ...metadata } : metadata);
  yield head;
  for (const name of order) {
    const entry = tensors.get(name)!;
    if (entry.parts === undefined || entry.dtype === 'I64') yield new Uint8Array(8);
    else for await (const part of entry.parts()) yield fromFloat32([part.length], part, entry.dtype).bytes;
  }
}
