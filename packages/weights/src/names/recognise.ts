/** Recognition of the net in a file from its tensors: naming, configuration, batch norm, width, head and classes. */
import { VggError } from '@vgg/core';
import {
  CONFIGURATION_NAMES,
  type Configuration,
  planLayers,
  poolings,
  type ResolvedVggOptions,
  resolveOptions,
  type VggOptions,
  type VggTable,
} from '@vgg/models';
import { describedOptions } from '../description';
import { selectTensors, type WeightReport } from '../fit';
import type { WeightSource } from '../sources/source';
import { CAFFE } from './caffe';
import { type Candidate, candidate, hasAll, isMostly, isWhole, score } from './candidate';
import { describedCandidate } from './described';
import { graphMisfit, graphNaming } from './graph';
import { KERAS } from './keras';
import { type Naming, OWN } from './naming';
import { type NetWeights, netWeights, withChannels, withoutHead } from './net-weights';
import { TIMM, TORCHVISION } from './pytorch';
import { tableOf } from './tables';
import { wrappedNamings } from './wrapped';

/** All namings that are recognised. */
const NAMINGS: readonly Naming[] = [OWN, TORCHVISION, TIMM, CAFFE, ...KERAS];

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

function candidates(source: WeightSource, options: RecogniseOptions): Candidate[] {
  const { prefix, inputSize } = options;
  return NAMINGS.flatMap((naming) => {
    const first = naming.places(planLayers(resolveOptions({ configuration: 'A' })))!.get('conv1_1.weight')!.name;
    return prefixesOf(source, first)
      .filter((found) => prefix === undefined || found === prefix)
      .flatMap((found) => {
        const tensors = selectTensors(source.tensors, found);
        const isDescribed = naming === OWN && describedOptions(source.metadata, source.name) !== undefined;
        if (isDescribed) return describedCandidate(source, naming, found, tensors, options) ?? [];
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

/** Returns the nets that the graph of a file may be: the one that it describes, otherwise those with these layers. */
function graphCandidates(source: WeightSource, options: RecogniseOptions): Candidate[] {
  const { graph, tensors } = source;
  if (graph === undefined) return [];
  const naming = graphNaming(graph);
  const own = describedCandidate(source, naming, '', tensors, options);
  if (own !== undefined) return [own];
  const { inputSize } = options;
  const size = inputSize ?? graph.inputSize;
  const nets = GUESSES.flatMap((guess) => candidate(naming, '', tensors, guess, size) ?? []).map((net) =>
    net.options.head === 'none' ? { ...net, report: { ...net.report, leftOver: [] } } : net,
  );
  const whole = nets.filter(isWhole);
  return whole.length > 0 ? whole : nets;
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
