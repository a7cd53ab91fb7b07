/** Weights of a recognised net, read from its file in our names, shapes and layouts. */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import { layerVariables, planLayers, type ResolvedVggOptions, resolveOptions } from '@vgg/models';
import { adaptFilters } from '../channels';
import { notFinite, type WeightReport } from '../fit';
import type { TensorInfo, WeightSource } from '../sources/source';
import { readArranged, reverseColours } from './arrange';
import { type Candidate, windowOf } from './candidate';
import type { Naming } from './naming';

/** Number that our batch norm, like PyTorch's, adds to the variance. */
const VARIANCE_EPSILON = 1e-5;

/** Variable of a net in a file. */
export interface NetTensor extends TensorInfo {
  /** Name of the tensor in the file. */
  readonly from: string;
}

/** Weights of a net in a file, with canonical names, shapes and layouts, whatever those in the file are. */
export interface NetWeights {
  /** Naming of the file's tensors (`vgg`, `torchvision`, `timm`, ...), with the properties of its nets. */
  readonly naming: Pick<Naming, 'name' | 'channels' | 'preprocessing'>;
  /** Prefix of every name in the file: `state_dict.module.`. */
  readonly prefix: string;
  readonly options: ResolvedVggOptions;
  /** Variables that the file has, by canonical name. */
  readonly tensors: ReadonlyMap<string, NetTensor>;
  /** Differences from the net, by canonical names; tensors left over, by the file's names. */
  readonly report: WeightReport;
  /** Tensors that do not belong to the requested net: of an optimiser, of a head that is not read, counters of batches. */
  readonly others: readonly string[];
  /**
   * Reads a variable's values in its canonical shape and layout; conv1_1 takes RGB.
   * @param into memory to write to, of the variable's size. A function is called again after each wait, for memory that may move.
   *   Default new memory.
   * @throws VggError `VGG_WEIGHTS` for a name not in `tensors`, integers, a number that is not finite, or a damaged file; `VGG_IO`.
   */
  read(name: string, into?: Float32Array | (() => Float32Array)): Promise<Float32Array>;
}

/** Returns the convolutions of a net; the tensors of its head in the file are ignored. */
export function withoutHead(net: Candidate): Candidate {
  const options = resolveOptions({ ...net.options, head: 'none' });
  const isOfFeatures = (name: string) => !name.startsWith('fc');
  const { loaded, missing, leftOver, misshapen } = net.report;
  return {
    ...net,
    options,
    layers: planLayers(options),
    report: {
      loaded: loaded.filter(isOfFeatures),
      missing: missing.filter(isOfFeatures),
      leftOver,
      misshapen: misshapen.filter(({ name }) => isOfFeatures(name)),
    },
  };
}

/** Returns the weights of a net that a file holds. */
export function netWeights(
  source: WeightSource,
  { naming, prefix, options, layers, places, report }: Candidate,
): NetWeights {
  const specs = new Map(
    layers.flatMap((layer) => layerVariables(layer).map((spec) => [spec.name, { ...spec, layer }])),
  );
  const leftOver = report.leftOver.map((name) => prefix + name);
  const reportedNames = new Set([
    ...[...report.loaded, ...report.misshapen.map(({ name }) => name)].map((name) => prefix + places.get(name)!.name),
    ...leftOver,
  ]);
  const others = [...source.tensors.keys()].filter((name) => !reportedNames.has(name));
  const tensors = report.loaded.map((name): [string, NetTensor] => {
    const from = prefix + places.get(name)!.name;
    return [name, { from, shape: specs.get(name)!.shape, dtype: source.tensors.get(from)!.dtype }];
  });
  return {
    naming,
    prefix,
    options,
    tensors: new Map(tensors),
    report: { ...report, leftOver },
    others,
    async read(name, into) {
      const spec = specs.get(name);
      if (spec === undefined || !report.loaded.includes(name)) {
        throw new VggError('weights', `${source.name} has no ${name}${didYouMean(name, report.loaded)}`);
      }
      const { layer, shape } = spec;
      const [height, width] = windowOf(layer);
      const channels = layer.kind === 'convolution' ? layer.inputs : shape[0]! / (height * width);
      const place = { ...places.get(name)!, name: prefix + places.get(name)!.name };
      const target = into ?? new Float32Array(sizeOf(shape));
      if (!(await readArranged(source, place, shape, channels, target))) throw notFinite(name, source.name);
      const values = () => (typeof target === 'function' ? target() : target);
      if (name === 'conv1_1.weight' && naming.channels === 'BGR' && options.channels === undefined)
        reverseColours(values(), shape.at(-1)!);
      const { varianceEpsilon = naming.varianceEpsilon ?? VARIANCE_EPSILON } = source.tensors.get(place.name)!;
      if (spec.role !== 'variance' || varianceEpsilon === VARIANCE_EPSILON) return values();
      const variances = values();
      variances.set(variances.map((variance) => variance + varianceEpsilon - VARIANCE_EPSILON));
      return variances;
    },
  };
}

/**
 * Returns the weights of a net for another number of channels.
 * @throws VggError `VGG_ARGUMENT` when the net in the file is not of RGB.
 */
export function withChannels(net: NetWeights, channels: number | undefined, source: string): NetWeights {
  const own = net.options.channels ?? 3;
  if (channels === undefined || channels === own) return net;
  const options = resolveOptions({ ...net.options, channels });
  if (own !== 3) {
    throw new VggError('argument', `${source} has a net of ${own} channels: only the filters of RGB can be adapted`);
  }
  const first = net.tensors.get('conv1_1.weight');
  if (first === undefined) return { ...net, options };
  const [rows, columns, , outputs] = first.shape as readonly [number, number, number, number];
  const shape = [rows, columns, channels, outputs];
  return {
    ...net,
    options,
    tensors: new Map([...net.tensors].map(([name, tensor]) => [name, tensor === first ? { ...first, shape } : tensor])),
    async read(name, into) {
      if (name !== 'conv1_1.weight') return await net.read(name, into);
      const adapted = adaptFilters(await net.read(name), outputs, channels);
      if (into === undefined) return adapted;
      const target = typeof into === 'function' ? into() : into;
      target.set(adapted);
      return target;
    },
  };
}
