/** Recognition of the net in a file from its tensors: naming, configuration, batch norm, width, head and classes. */
import { didYouMean, sizeOf, VggError } from '@vgg/core';
import {
  CONFIGURATION_NAMES,
  type Configuration,
  type Layer,
  layerVariables,
  planLayers,
  poolings,
  type ResolvedVggOptions,
  resolveOptions,
  type VggOptions,
  type VggTable,
} from '@vgg/models';
import { adaptFilters } from '../channels';
import { describedOptions } from '../description';
import { type Misshapen, selectTensors, type WeightReport } from '../fit';
import type { Place } from '../sources/graph';
import type { TensorInfo, WeightSource } from '../sources/source';
import { readArranged, reverseColours } from './arrange';
import { CAFFE } from './caffe';
import { graphMisfit, graphNaming } from './graph';
import { KERAS } from './keras';
import { type Naming, OWN } from './naming';
import { TIMM, TORCHVISION } from './pytorch';
import { tableOf } from './tables';
import { wrappedNamings } from './wrapped';

/** All namings that are recognised. */
const NAMINGS: readonly Naming[] = [OWN, TORCHVISION, TIMM, CAFFE, ...KERAS];

/** Number that our batch norm, like PyTorch's, adds to the variance. */
const VARIANCE_EPSILON = 1e-5;

/** Number of filters of conv1_1 at width 1 (Table 1). */
const STAGE_1_FILTERS = 64;

type VggSizes = Pick<VggOptions, 'width' | 'classes' | 'inputSize' | 'channels'>;

/** Options of {@link recogniseNet}. */
export interface RecogniseOptions {
  /** Prefix of the names of the net's tensors, such as `state_dict.`. Needed only if a file holds several nets. */
  readonly prefix?: string | undefined;
  /** `none`: only the convolutions; nothing of the fully-connected layers is read. Default the head in the file. */
  readonly head?: 'none' | undefined;
  /**
   * Side of the net's input in pixels, or its height and width. Default 32 times the side of the map before the
   * fully-connected layers; for a table of n max-pools 2^n times.
   */
  readonly inputSize?: VggOptions['inputSize'];
  /**
   * Number of channels of the images. The first filters of a net of RGB are adapted by timm's rule: for one channel they
   * are summed over the colours; for others they are repeated and multiplied by 3 / channels. Default that of the file.
   */
  readonly channels?: number | undefined;
}

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
   * @param into returns the memory to write to, of the variable's size. Default new memory.
   * @throws VggError `VGG_WEIGHTS` for a name not in `tensors`, integers, or a damaged file; `VGG_IO`.
   */
  read(name: string, into?: () => Float32Array): Promise<Float32Array>;
}

type Guess = Pick<ResolvedVggOptions, 'configuration' | 'batchNorm' | 'head'>;

function guessesOf(configuration: Configuration): Guess[] {
  return [false, true].flatMap((batchNorm) =>
    (['paper', 'small', 'linear', 'none'] as const).map((head) => ({ configuration, batchNorm, head })),
  );
}

const GUESSES: readonly Guess[] = CONFIGURATION_NAMES.flatMap(guessesOf);

/** Returns the guesses for the table of a file's convolutions. */
function guessesOfTable(table: VggTable | undefined): VggOptions[] {
  if (table === undefined) return [];
  // The units of the head are those of width 1; nets of other widths need a description in their file.
  return guessesOf(table).map((guess) => ({ ...guess, inputSize: 2 ** poolings(table) }));
}

/** Largest number of first layers in a file of nets. */
const MAX_PREFIXES = 16;
/** Largest number of tensors in a file of nets. */
const MAX_TENSORS = 20_000;

/** Returns every prefix under which the file has the first convolution of a naming. */
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
    const inputs = place!.layout === 'outputsFirst' ? shape[1] : shape.at(-2);
    return { count: outputsOf(tensor, place!), inputs, elements: sizeOf(shape), axes: shape.length };
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
  // The filters of a dense view have the map's size.
  const isWhole = fc8?.axes === 4 || typeof configuration !== 'string';
  const whole = fc6 ?? (isWhole ? fc8 : undefined);
  const side = whole && map && Math.round(Math.sqrt(whole.elements / whole.count / map.count));
  if (side) sizes.inputSize = 2 ** poolings(configuration) * side;
  return sizes;
}

/** Returns height and width of a fully-connected layer's filter in the dense view, 1 for other layers. */
function windowOf(layer: Layer): readonly [height: number, width: number] {
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
interface Candidate {
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
function score({ report: { loaded, missing, leftOver, misshapen } }: Candidate): number {
  return loaded.length - missing.length - leftOver.length - misshapen.length;
}

/** Returns the net of a naming and a configuration whose sizes the tensors have; undefined if there is no such net. */
function candidate(
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
    const options = resolveOptions({ ...guess, ...sizes });
    const layers = planLayers(options);
    const net = { naming, prefix, options, layers, places: naming.places(layers)! };
    return { ...net, report: compare(tensors, net) };
  } catch (error) {
    if (error instanceof VggError) return undefined; // No net has these sizes.
    throw error;
  }
}

function candidates(source: WeightSource, { prefix, inputSize }: RecogniseOptions): Candidate[] {
  return NAMINGS.flatMap((naming) => {
    const first = naming.places(planLayers(resolveOptions({ configuration: 'A' })))!.get('conv1_1.weight')!.name;
    return prefixesOf(source, first)
      .filter((found) => prefix === undefined || found === prefix)
      .flatMap((found) => {
        const tensors = selectTensors(source.tensors, found);
        const described = naming === OWN ? describedOptions(source.metadata, source.name) : undefined;
        if (described !== undefined) return candidate(naming, found, tensors, described, described.inputSize) ?? [];
        const nets = GUESSES.flatMap((guess) => candidate(naming, found, tensors, guess, inputSize) ?? []);
        if (nets.some(isWhole)) return nets;
        const tables = guessesOfTable(tableOf(naming, tensors));
        return [
          ...nets,
          ...tables.flatMap((guess) => candidate(naming, found, tensors, guess, inputSize) ?? []).filter(isMostly),
        ];
      });
  });
}

/** Returns true if a file has all tensors of a net, in their shapes. */
function hasAll({ report: { missing, misshapen } }: Candidate): boolean {
  return missing.length + misshapen.length === 0;
}

/** Returns true if a file has all tensors of a net, and fewer others. */
function isMostly(net: Candidate): boolean {
  return hasAll(net) && net.report.leftOver.length < net.report.loaded.length;
}

/** Returns the nets that the graph of a file may be: the one that it describes, otherwise those with these layers. */
function graphCandidates(source: WeightSource, { inputSize }: RecogniseOptions): Candidate[] {
  const { graph, tensors } = source;
  if (graph === undefined) return [];
  const naming = graphNaming(graph);
  const described = describedOptions(source.metadata, source.name);
  const own = described && candidate(naming, '', tensors, described, described.inputSize);
  if (own !== undefined) return [own];
  const size = inputSize ?? graph.inputSize;
  const nets = GUESSES.flatMap((guess) => candidate(naming, '', tensors, guess, size) ?? []).map((net) =>
    net.options.head === 'none' ? { ...net, report: { ...net.report, leftOver: [] } } : net,
  );
  const whole = nets.filter(isWhole);
  return whole.length > 0 ? whole : nets;
}

/** Returns true if a file has all tensors of a net, in their shapes, and no others. */
function isWhole({ report: { missing, leftOver, misshapen } }: Candidate): boolean {
  return missing.length + leftOver.length + misshapen.length === 0;
}

/** Returns the nets that the file may hold inside a person's own model, with every convolution. */
function wrappedCandidates(source: WeightSource, { prefix, inputSize }: RecogniseOptions): Candidate[] {
  return wrappedNamings(source.tensors)
    .filter((found) => prefix === undefined || found.prefix === prefix)
    .flatMap((found) => {
      const tensors = selectTensors(source.tensors, found.prefix);
      return GUESSES.flatMap((guess) => candidate(found.naming, found.prefix, tensors, guess, inputSize) ?? []);
    })
    .filter(hasAll)
    .map((net) => ({ ...net, report: withoutOwnHead(net, source) }));
}

/** Returns the report of a net without head, with the vectors and matrices of another head not counted as left over. */
function withoutOwnHead({ options, prefix, report }: Candidate, { tensors }: WeightSource): WeightReport {
  if (options.head !== 'none') return report;
  const leftOver = report.leftOver.filter((name) => tensors.get(prefix + name)!.shape.length > 2);
  return { ...report, leftOver };
}

/** Returns the name of the first convolution's weight in the file. */
function firstTensor({ prefix, places }: Candidate): string {
  return prefix + places.get('conv1_1.weight')!.name;
}

function unrecognised({ name, tensors, graph }: WeightSource, prefix: string | undefined): VggError {
  if (graph) return new VggError('weights', `${name} holds no VGG: ${graphMisfit(graph).replace(/[\r\n]/g, ' ')}`);
  const examples = [...tensors.keys()]
    .slice(0, 4)
    .map((tensor) => (tensor.length > 60 ? `${tensor.slice(0, 57)}...` : tensor));
  const where = prefix === undefined ? '' : ` under ${JSON.stringify(prefix)}`;
  const known = [...new Set(NAMINGS.map((naming) => naming.name))].join(', ');
  const got =
    tensors.size === 0
      ? 'no tensors'
      : `${tensors.size} tensors, ${examples.join(', ')}${tensors.size > 4 ? ', ...' : ''}`;
  return new VggError(
    'weights',
    `${name} holds no VGG whose names are known (${known})${where}: it has ${got.replace(/[\r\n]/g, ' ')}`,
  );
}

/**
 * Finds the net in a file.
 * @throws VggError `VGG_WEIGHTS` when there is none, or there are several under different prefixes and `prefix` is not set.
 */
export function recogniseNet(source: WeightSource, options: RecogniseOptions = {}): NetWeights {
  if (source.tensors.size > MAX_TENSORS) {
    throw new VggError(
      'weights',
      `${source.name} holds ${source.tensors.size} tensors: neither a VGG nor its training state`,
    );
  }
  const byScore = (nets: Candidate[]) => nets.sort((a, b) => score(b) - score(a));
  const known = byScore(source.graph ? graphCandidates(source, options) : candidates(source, options));
  const isComplete = known[0] !== undefined && known[0].options.head !== 'none' && isWhole(known[0]);
  const wrapped = isComplete || source.graph ? [] : wrappedCandidates(source, options);
  const found = byScore([...known, ...wrapped]);
  const best = found[0];
  if (best === undefined) throw unrecognised(source, options.prefix);
  const rivals = new Map(
    found.filter((other) => score(other) === score(best)).map((other) => [firstTensor(other), other.prefix]),
  );
  if (rivals.size > 1) {
    const prefixes = [...rivals.values()].map((prefix) => JSON.stringify(prefix.slice(0, 60))).join(', ');
    throw new VggError('weights', `${source.name} holds several nets: choose one by its prefix, one of ${prefixes}`);
  }
  const net = netWeights(source, options.head === 'none' ? withoutHead(best) : best);
  return withChannels(net, options.channels, source.name);
}

/** Returns the convolutions of a net; the tensors of its head in the file are ignored. */
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
      const memory = into === undefined ? new Float32Array(sizeOf(shape)) : undefined;
      const values = into ?? (() => memory!);
      await readArranged(source, place, shape, channels, values);
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
function withChannels(net: NetWeights, channels: number | undefined, source: string): NetWeights {
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
      into().set(adapted);
      return into();
    },
  };
}
