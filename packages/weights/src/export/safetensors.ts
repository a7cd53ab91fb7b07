/** A net as a safetensors file under our own names or torchvision's, which PyTorch's `load_state_dict` takes. */
import { sizeOf, VggError } from '@vgg/core';
import { type Layer, layerVariables } from '@vgg/models';
import { describeModel } from '../description';
import { type Naming, OWN } from '../names/naming';
import { TORCHVISION } from '../names/pytorch';
import { type Dtype, type FloatDtype, fromFloat32 } from '../safetensors/dtypes';
import { layOut } from '../safetensors/header';
import { outputsFirst, weightAxes } from './bands';
import { checkCount, type ExportOptions, inferenceLayers, type NetTensors } from './net';

const NAMINGS: Readonly<Record<'vgg' | 'torchvision', Naming>> = { vgg: OWN, torchvision: TORCHVISION };

export interface SafetensorsExportOptions extends Pick<ExportOptions, 'description'> {
  /** Whose names and layouts: ours, which `loadModel` reads, or torchvision's. Default `vgg`. */
  readonly naming?: keyof typeof NAMINGS;
  /** Default `F32`. */
  readonly dtype?: Exclude<FloatDtype, 'F64'>;
}

/** A tensor of the file. */
interface Entry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Its numbers in the file's layout, in parts; none for a counter, which is 0. */
  parts?(): AsyncIterable<Float32Array>;
}

async function* arranged(
  net: NetTensors,
  name: string,
  layer: Layer,
  shape: readonly number[],
  turned: boolean,
): AsyncGenerator<Float32Array, void> {
  const values = checkCount(name, await net.read(name), sizeOf(shape));
  if (turned && (layer.kind === 'convolution' || layer.kind === 'fullyConnected')) {
    yield* outputsFirst(values, weightAxes(layer));
  } else yield values;
}

/** OIHW of HWIO, [outputs, inputs] of [inputs, outputs]. */
function turnedShape(shape: readonly number[]): readonly number[] {
  return shape.length === 4 ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!] : [...shape].reverse();
}

function entries(net: NetTensors, naming: Naming, dtype: Dtype): Map<string, Entry> {
  const layers = inferenceLayers(net.options);
  const places = naming.places(layers);
  if (places === undefined) {
    const { head } = net.options;
    throw new VggError('argument', `${naming.name} has no net of head ${head}: expected paper, or our own names`);
  }
  const found = new Map<string, Entry>();
  for (const layer of layers) {
    for (const { name, shape } of layerVariables(layer)) {
      const place = places.get(name)!;
      const turned = place.layout === 'outputsFirst';
      found.set(place.name, {
        dtype,
        shape: turned ? turnedShape(shape) : shape,
        parts: () => arranged(net, name, layer, shape, turned),
      });
      const counter = /^(.*)\.running_var$/.exec(place.name)?.[1];
      if (counter !== undefined) found.set(`${counter}.num_batches_tracked`, { dtype: 'I64', shape: [] });
    }
  }
  return found;
}

/**
 * The bytes of a safetensors file in order; in Node `writeFileAtomically(path, exportSafetensors(net))` writes it. Under
 * torchvision's names `vgg16().load_state_dict(safetensors.torch.load_file(path))` takes it, for nets that torchvision has:
 * A, B, D and E at width 1 and input size 224, with or without batch norm.
 *
 * @throws VggError `VGG_ARGUMENT` for torchvision's names of a net without the paper's head or the small one, or for an
 *   unsound description.
 */
export async function* exportSafetensors(
  net: NetTensors,
  { naming = 'vgg', dtype = 'F32', description }: SafetensorsExportOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const tensors = entries(net, NAMINGS[naming], dtype);
  const described = description === undefined ? {} : describeModel(net.options, description);
  const { head, order } = layOut(tensors, naming === 'torchvision' ? { format: 'pt', ...described } : described);
  yield head;
  for (const name of order) {
    const { parts } = tensors.get(name)!;
    if (parts === undefined) yield new Uint8Array(8);
    else for await (const part of parts()) yield fromFloat32([part.length], part, dtype).bytes;
  }
}
