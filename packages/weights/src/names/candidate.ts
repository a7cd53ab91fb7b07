/** Comparison of the tensors in a file with those of one net: its sizes, the tensors that it lacks and those left over. */
import { sizeOf, VggError } from '@vgg/core';
import {
  type Configuration,
  type Layer,
  layerVariables,
  planLayers,
  poolings,
  type ResolvedVggOptions,
  resolveOptions,
  type VggOptions,
} from '@vgg/models';
import type { Misshapen, WeightReport } from '../fit';
import type { Place } from '../sources/graph';
import type { TensorInfo } from '../sources/source';
import type { Naming } from './naming';

/** Number of filters of conv1_1 at width 1 (Table 1). */
const STAGE_1_FILTERS = 64;

type VggSizes = Pick<VggOptions, 'width' | 'classes' | 'inputSize' | 'channels'>;

/** Returns the number of a layer's outputs, from the shape of its weight in the file. */
function outputsOf({ shape }: TensorInfo, { layout }: Place): number {
  return (layout === 'outputsFirst' ? shape[0] : shape.at(-1)) ?? 1;
}

/** Computes width, channels, classes and input size of a net from the shapes of its tensors. */
function measure(
  tensors: ReadonlyMap<string, TensorInfo>,
  places: ReadonlyMap<string, Place>,
  layers: readonly Layer[],
  configuration: Configuration,
): VggSizes {
  const outputs = (layer: string) => {
    const place = places.get(`${layer}.weight`);
    const tensor = place && tensors.get(place.name);
    if (tensor === undefined) return undefined;
    const { shape } = tensor;
    const outputsFirst = place!.layout === 'outputsFirst';
    const inputs = outputsFirst ? shape[1] : shape.at(-2);
    // The filters of a dense view have the map's size.
    const window = shape.length === 4 ? (outputsFirst ? shape.slice(2) : shape.slice(0, 2)) : undefined;
    return { count: outputsOf(tensor, place!), inputs, elements: sizeOf(shape), window };
  };
  const last = layers.filter(({ kind }) => kind === 'convolution').at(-1)!.name;
  const first = outputs('conv1_1');
  const map = outputs(last);
  const fc6 = outputs('fc6');
  const fc8 = outputs('fc8');
  const sizes: VggSizes = {};
  if (first && typeof configuration === 'string') sizes.width = first.count / STAGE_1_FILTERS;
  if (first) sizes.channels = first.inputs;
  if (fc8) sizes.classes = fc8.count;
  const isWhole = fc8?.window !== undefined || typeof configuration !== 'string';
  const whole = fc6 ?? (isWhole ? fc8 : undefined);
  const side = whole && map && Math.round(Math.sqrt(whole.elements / whole.count / map.count));
  const [height, width] = whole?.window ?? [side, side];
  const stride = 2 ** poolings(configuration);
  if (height && width) sizes.inputSize = height === width ? stride * height : [stride * height, stride * width];
  return sizes;
}

/** Returns height and width of a fully-connected layer's filter in the dense view, 1 for other layers. */
export function windowOf(layer: Layer): readonly [height: number, width: number] {
  return layer.kind === 'fullyConnected' ? layer.window : [1, 1];
}

/**
 * Returns true if a tensor of the file has the shape of a layer's variable, in the file's layout. In the dense view a
 * fully-connected layer is a convolution with the same values.
 */
function fits(layer: Layer, expected: readonly number[], { layout }: Place, { shape }: TensorInfo): boolean {
  const same = (...sides: number[]) => shape.join() === sides.join();
  if (layout === 'same') {
    if (same(...expected)) return true;
    if (layer.kind !== 'fullyConnected' || expected.length !== 2) return false;
    const [height, width] = layer.window;
    return same(height, width, expected[0]! / (height * width), expected[1]!);
  }
  if (layout === 'channelsFirst') return same(...expected);
  const outputs = expected.at(-1)!;
  if (layer.kind === 'convolution') return same(outputs, expected[2]!, expected[0]!, expected[1]!);
  const [inputs] = expected as [number, number];
  const [height, width] = windowOf(layer);
  return same(outputs, inputs) || same(outputs, inputs / (height * width), height, width);
}

/** Net that the file may hold. */
export interface Candidate {
  readonly naming: Naming;
  readonly prefix: string;
  readonly options: ResolvedVggOptions;
  readonly layers: readonly Layer[];
  readonly places: ReadonlyMap<string, Place>;
  readonly report: WeightReport;
}

/** Compares the tensors with a net, name by name. */
function compare(
  tensors: ReadonlyMap<string, TensorInfo>,
  { naming, layers, places }: Omit<Candidate, 'report'>,
): WeightReport {
  const loaded: string[] = [];
  const missing: string[] = [];
  const misshapen: Misshapen[] = [];
  for (const layer of layers) {
    for (const { name, shape } of layerVariables(layer)) {
      const place = places.get(name)!;
      const tensor = tensors.get(place.name);
      if (tensor === undefined) missing.push(name);
      else if (fits(layer, shape, place, tensor)) loaded.push(name);
      else misshapen.push({ name, expected: shape, got: tensor.shape });
    }
  }
  const used = new Set([...places.values()].map(({ name }) => name));
  const leftOver = [...tensors.keys()].filter((name) => !used.has(name) && !naming.ignores?.(name));
  return { loaded, missing, leftOver, misshapen };
}

/** Returns a score of how well a net matches the file. */
export function score({ report: { loaded, missing, leftOver, misshapen } }: Candidate): number {
  return loaded.length - missing.length - leftOver.length - misshapen.length;
}

/** Returns the net of a naming and a configuration whose sizes the tensors have; undefined if there is no such net. */
export function candidate(
  naming: Naming,
  prefix: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  guess: VggOptions,
  inputSize: VggOptions['inputSize'],
): Candidate | undefined {
  try {
    const draft = planLayers(resolveOptions(guess));
    const draftPlaces = naming.places(draft);
    if (draftPlaces === undefined) return undefined;
    const sizes = measure(tensors, draftPlaces, draft, guess.configuration);
    if (inputSize !== undefined) sizes.inputSize = inputSize;
    // A first layer of two filters is that of many widths: a width that the file describes holds.
    const options = resolveOptions({ ...guess, ...sizes, width: guess.width ?? sizes.width });
    const layers = planLayers(options);
    const net = { naming, prefix, options, layers, places: naming.places(layers)! };
    return { ...net, report: compare(tensors, net) };
  } catch (error) {
    if (error instanceof VggError) return undefined; // No net has these sizes.
    throw error;
  }
}

/** Returns true if a file has all tensors of a net, in their shapes. */
export function hasAll({ report: { missing, misshapen } }: Candidate): boolean {
  return missing.length + misshapen.length === 0;
}

/** Returns true if a file has all tensors of a net, and fewer others. */
export function isMostly(net: Candidate): boolean {
  return hasAll(net) && net.report.leftOver.length < net.report.loaded.length;
}

/** Returns true if a file has all tensors of a net, in their shapes, and no others. */
export function isWhole({ report: { missing, leftOver, misshapen } }: Candidate): boolean {
  return missing.length + leftOver.length + misshapen.length === 0;
}
