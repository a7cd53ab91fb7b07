/** Which net a file's tensors are, under whose names: the configuration, batch norm, width, head and classes, by themselves. */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import {
  CONFIGURATION_NAMES,
  type Layer,
  layerVariables,
  planLayers,
  type ResolvedVggOptions,
  resolveOptions,
  type VggOptions,
} from '@vgg/models';
import { describedOptions } from '../description';
import type { Misshapen, WeightReport } from '../fit';
import type { TensorInfo, WeightSource } from '../sources/source';
import { readArranged, reverseColours } from './arrange';
import { CAFFE } from './caffe';
import { KERAS } from './keras';
import { type Naming, OWN, type Place } from './naming';
import { TIMM, TORCHVISION } from './pytorch';

/** Every naming that is recognised. */
const NAMINGS: readonly Naming[] = [OWN, TORCHVISION, TIMM, CAFFE, ...KERAS];

/** What our batch norm adds to the variance, as PyTorch's. */
const VARIANCE_EPSILON = 1e-5;

/** Filters of conv1_1 at width 1 (Table 1). */
const STAGE_1_FILTERS = 64;

type VggSizes = Pick<VggOptions, 'width' | 'classes' | 'inputSize'>;

export interface RecogniseOptions {
  /** Only tensors whose names start so belong to the net: `state_dict.` of one of two in a file. Found by itself if one. */
  readonly prefix?: string;
  /** `none`: the convolutions alone; nothing of the fully-connected layers is then read. Default: all that the file has. */
  readonly head?: 'none';
  /** Side of the net's input in pixels, where its fully-connected layers leave several: 224 for a pool5 of 7 x 7. */
  readonly inputSize?: number;
}

/** A variable in a file, under the file's name. */
export interface NetTensor extends TensorInfo {
  readonly from: string;
}

/** A net's weights in a file, by canonical name and in canonical shapes and order, whatever the file's own. */
export interface NetWeights {
  /** Whose names the file has: `vgg`, `torchvision`, `timm`, ..., and what follows from them. */
  readonly naming: Pick<Naming, 'name' | 'channels' | 'preprocessing'>;
  /** What precedes each name in the file: `state_dict.module.`. */
  readonly prefix: string;
  readonly options: ResolvedVggOptions;
  /** The variables that the file has. */
  readonly tensors: ReadonlyMap<string, NetTensor>;
  /** By canonical names; what is left over, by the file's. */
  readonly report: WeightReport;
  /** Tensors that are none of the net asked for: an optimiser's, a head passed over, counters of batches. */
  readonly besides: readonly string[];
  /**
   * A variable's numbers, in its own shape and layout; conv1_1 takes RGB.
   * @param into gives the memory to write them to, as many as the variable has; new memory unless given.
   * @throws VggError `VGG_WEIGHTS` for a name not in `tensors`, integers, or a damaged file; `VGG_IO`.
   */
  read(name: string, into?: () => Float32Array): Promise<Float32Array>;
}

type Guess = Pick<ResolvedVggOptions, 'configuration' | 'batchNorm' | 'head'>;

const GUESSES: readonly Guess[] = CONFIGURATION_NAMES.flatMap((configuration) =>
  [false, true].flatMap((batchNorm) =>
    (['paper', 'small', 'linear', 'none'] as const).map((head) => ({ configuration, batchNorm, head })),
  ),
);

/** A file with more copies of a first layer than this is no file of nets. */
const MAX_PREFIXES = 16;
/** Nor one with more tensors. */
const MAX_TENSORS = 20_000;

/** Every prefix under which the file has the first convolution of a naming. */
function prefixesOf(source: WeightSource, first: string): string[] {
  const names = [...source.tensors.keys()].filter((name) => name.endsWith(first));
  if (names.length > MAX_PREFIXES) {
    throw new VggError(
      'weights',
      `${source.name} has ${names.length} tensors whose names end in ${first.slice(0, 40)}`,
    );
  }
  return names.map((name) => name.slice(0, -first.length));
}

/** The file's tensors of one prefix, by the rest of their names. */
function under(source: WeightSource, prefix: string): Map<string, TensorInfo> {
  const own = [...source.tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** A layer's outputs, by the shape of its weight in the file. */
function outputsOf({ shape }: TensorInfo, { layout }: Place): number {
  return (layout === 'same' ? shape.at(-1) : shape[0]) ?? 1;
}

/** Width, classes and input size of a net as its tensors tell. */
function measure(
  tensors: ReadonlyMap<string, TensorInfo>,
  places: ReadonlyMap<string, Place>,
  layers: readonly Layer[],
): VggSizes {
  const outputs = (layer: string) => {
    const place = places.get(`${layer}.weight`);
    const tensor = place && tensors.get(place.name);
    return tensor && { count: outputsOf(tensor, place!), elements: sizeOf(tensor.shape) };
  };
  const last = layers.filter(({ kind }) => kind === 'convolution').at(-1)!.name;
  const [first, map, fc6, fc8] = ['conv1_1', last, 'fc6', 'fc8'].map(outputs);
  const side = fc6 && map && Math.round(Math.sqrt(fc6.elements / fc6.count / map.count));
  return {
    ...(first && { width: first.count / STAGE_1_FILTERS }),
    ...(fc8 && { classes: fc8.count }),
    ...(side && { inputSize: 32 * side }),
  };
}

/** Whether a tensor of the file has the shape of a layer's variable, in the file's layout. */
function fits(layer: Layer, expected: readonly number[], { layout }: Place, { shape }: TensorInfo): boolean {
  const same = (...sides: number[]) => shape.join() === sides.join();
  if (layout === 'same') return same(...expected);
  const outputs = expected.at(-1)!;
  if (layer.kind === 'convolution') return same(outputs, expected[2]!, expected[0]!, expected[1]!);
  const [inputs] = expected as [number, number];
  const side = layer.kind === 'fullyConnected' ? layer.side : 1;
  return same(outputs, inputs) || same(outputs, inputs / side ** 2, side, side);
}

/** A net that the file may hold. */
interface Candidate {
  readonly naming: Naming;
  readonly prefix: string;
  readonly options: ResolvedVggOptions;
  readonly layers: readonly Layer[];
  readonly places: ReadonlyMap<string, Place>;
  readonly report: WeightReport;
}

/** Whether the tensors fit a net, name by name. */
function compare(tensors: ReadonlyMap<string, TensorInfo>, { naming, layers, places }: Omit<Candidate, 'report'>) {
  const [loaded, missing, misshapen]: [string[], string[], Misshapen[]] = [[], [], []];
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

/** How well a net explains the file. */
function score({ report: { loaded, missing, leftOver, misshapen } }: Candidate): number {
  return loaded.length - missing.length - leftOver.length - misshapen.length;
}

/** The net of a naming and a configuration, if there is such a one. */
function candidate(
  naming: Naming,
  prefix: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  guess: VggOptions,
  given: VggSizes,
): Candidate | undefined {
  try {
    const draft = planLayers(resolveOptions(guess));
    const draftPlaces = naming.places(draft);
    if (draftPlaces === undefined) return undefined;
    const options = resolveOptions({ ...guess, ...measure(tensors, draftPlaces, draft), ...given });
    const layers = planLayers(options);
    const found = { naming, prefix, options, layers, places: naming.places(layers)! };
    return { ...found, report: compare(tensors, found) };
  } catch (error) {
    if (error instanceof VggError) return undefined; // Sizes that no net has.
    throw error;
  }
}

function candidates(source: WeightSource, { prefix, inputSize }: RecogniseOptions): Candidate[] {
  const given = inputSize === undefined ? {} : { inputSize };
  return NAMINGS.flatMap((naming) => {
    const first = naming.places(planLayers(resolveOptions({ configuration: 'A' })))!.get('conv1_1.weight')!.name;
    return prefixesOf(source, first)
      .filter((found) => prefix === undefined || found === prefix)
      .flatMap((found) => {
        const tensors = under(source, found);
        const own = naming === OWN ? describedOptions(source.metadata, source.name) : undefined;
        const guesses = own === undefined ? GUESSES : [own];
        return guesses.flatMap((guess) => candidate(naming, found, tensors, guess, own ? {} : given) ?? []);
      });
  });
}

function unrecognised({ name, tensors }: WeightSource, prefix: string | undefined): VggError {
  const some = [...tensors.keys()]
    .slice(0, 4)
    .map((tensor) => (tensor.length > 60 ? `${tensor.slice(0, 57)}...` : tensor));
  const where = prefix === undefined ? '' : ` under ${JSON.stringify(prefix)}`;
  const known = [...new Set(NAMINGS.map((naming) => naming.name))].join(', ');
  const got =
    tensors.size === 0 ? 'no tensors' : `${tensors.size} tensors, ${some.join(', ')}${tensors.size > 4 ? ', ...' : ''}`;
  return new VggError(
    'weights',
    `${name} holds no VGG whose names are known (${known})${where}: it has ${got.replace(/[\r\n]/g, ' ')}`,
  );
}

/**
 * Finds the net in a file.
 * @throws VggError `VGG_WEIGHTS` when there is none, or there are several under different prefixes and none was asked for.
 */
export function recogniseNet(source: WeightSource, options: RecogniseOptions = {}): NetWeights {
  if (source.tensors.size > MAX_TENSORS) {
    throw new VggError(
      'weights',
      `${source.name} holds ${source.tensors.size} tensors: no VGG, nor a training state of one`,
    );
  }
  const found = candidates(source, options).sort((a, b) => score(b) - score(a));
  const best = found[0];
  if (best === undefined) throw unrecognised(source, options.prefix);
  const rivals = new Set(found.filter((other) => score(other) === score(best)).map(({ prefix }) => prefix));
  if (rivals.size > 1) {
    const listed = [...rivals].map((prefix) => JSON.stringify(prefix.slice(0, 60))).join(', ');
    throw new VggError('weights', `${source.name} holds several nets: choose one by its prefix, one of ${listed}`);
  }
  return netWeights(source, options.head === 'none' ? withoutHead(best) : best);
}

/** The same net's convolutions; what its head has in the file is passed over. */
function withoutHead(net: Candidate): Candidate {
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

function netWeights(source: WeightSource, { naming, prefix, options, layers, places, report }: Candidate): NetWeights {
  const specs = new Map(
    layers.flatMap((layer) => layerVariables(layer).map((spec) => [spec.name, { ...spec, layer }])),
  );
  const leftOver = report.leftOver.map((name) => prefix + name);
  const told = new Set(
    [...report.loaded, ...report.misshapen.map(({ name }) => name)].map((name) => prefix + places.get(name)!.name),
  );
  for (const name of leftOver) told.add(name);
  const besides = [...source.tensors.keys()].filter((name) => !told.has(name));
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
    besides,
    async read(name, into) {
      const spec = specs.get(name);
      if (spec === undefined || !report.loaded.includes(name)) {
        throw new VggError('weights', `${source.name} has no ${name}${didYouMean(name, report.loaded)}`);
      }
      const { layer, shape } = spec;
      const side = layer.kind === 'fullyConnected' ? layer.side : 1;
      const channels = layer.kind === 'convolution' ? layer.inputs : shape[0]! / side ** 2;
      const place = { ...places.get(name)!, name: prefix + places.get(name)!.name };
      const made = into === undefined ? new Float32Array(sizeOf(shape)) : undefined;
      const values = into ?? (() => made!);
      await readArranged(source, place, shape, channels, values);
      if (name === 'conv1_1.weight' && naming.channels === 'BGR') reverseColours(values(), shape.at(-1)!);
      const { varianceEpsilon = naming.varianceEpsilon ?? VARIANCE_EPSILON } = source.tensors.get(place.name)!;
      if (spec.role !== 'variance' || varianceEpsilon === VARIANCE_EPSILON) return values();
      const variances = values();
      variances.set(variances.map((variance) => variance + varianceEpsilon - VARIANCE_EPSILON));
      return variances;
    },
  };
}
