/** The nets of a study, the initial weights of each (section 3.1), and the order in which a short budget leaves them out. */
import type { TrainingScale } from '@vgg/eval';
import { CONFIGURATION_NAMES, type ConfigurationName } from '@vgg/models';
import { PAPER_SCALES, type PaperScale } from './figures';

/** Net to train. */
export interface StudyNet {
  /** Name; the run is `nets/NAME` in the folder of the study. */
  name: string;
  /** Name without the random seed: `D-256`. */
  id: string;
  config: ConfigurationName;
  /** Training scale S of the paper, in pixels at an input of 224. */
  paperScale: PaperScale;
  /** Training scale S of this study, in pixels. */
  scale: TrainingScale;
  /** Number of the random seed, from 1. */
  seed: number;
  /** Net that it starts from. Default random weights. */
  from?: { key: 'preInit' | 'weights'; net: string } | undefined;
}

/** Nets that a study is asked for. */
export interface StudyNets {
  configs: readonly ConfigurationName[];
  scales: readonly PaperScale[];
  /** Largest number of random seeds. */
  seeds: number;
  /** True if every net starts from random weights. */
  fromScratch: boolean;
  /** Side of the training crop in pixels. */
  input: number;
}

/** Returns the side of the training crop for images of this smallest side: a multiple of 32 in the paper's proportion, at most 224. */
export function inputFor(smallestSide: number): number {
  const proportional = (smallestSide * 224) / 256;
  return Math.min(224, Math.max(32, Math.round(proportional / 32) * 32));
}

/** Returns a training scale of the paper for another input than 224. */
export function scaleFor(paperScale: PaperScale, input: number): TrainingScale {
  const [low, high] = paperScale.split(':').map((side) => Math.round((Number(side) * input) / 224));
  return high === undefined ? low! : [low!, high];
}

/** Configurations that the paper trains at its first scale only. */
const FIRST_SCALE_ONLY: readonly ConfigurationName[] = ['A', 'A-LRN', 'B'];

function inOrder<T>(all: readonly T[], selection: readonly T[]): T[] {
  return all.filter((one) => selection.includes(one));
}

/**
 * Returns the nets of a study in the order of their training, seed by seed. A, A-LRN and B are trained at the first scale only, as in
 * the paper, unless there is no deeper net. At the first scale the nets deeper than A start from the layers of A, if A is one of
 * the nets. At each later scale every net starts from its own weights of the scale before.
 */
export function studyNets({ configs, scales, seeds, fromScratch, input }: StudyNets): StudyNet[] {
  const nets = inOrder(CONFIGURATION_NAMES, configs);
  const deep = nets.filter((config) => !FIRST_SCALE_ONLY.includes(config));
  const atScales = inOrder(PAPER_SCALES, scales);
  const idOf = (config: ConfigurationName, scale: PaperScale) => `${config}-${scale.replace(':', '-')}`;
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) => {
    const nameOf = (id: string) => (seed === 1 ? id : `${id}-seed${seed}`);
    return atScales.flatMap((paperScale, i) =>
      (i === 0 || deep.length === 0 ? nets : deep).map((config): StudyNet => {
        const before = atScales[i - 1];
        const id = idOf(config, paperScale);
        const net = { name: nameOf(id), id, config, paperScale, scale: scaleFor(paperScale, input), seed };
        if (fromScratch) return net;
        if (before !== undefined) return { ...net, from: { key: 'weights', net: nameOf(idOf(config, before)) } };
        const isDeeper = config !== 'A' && config !== 'A-LRN' && nets.includes('A');
        return isDeeper ? { ...net, from: { key: 'preInit', net: nameOf(idOf('A', paperScale)) } } : net;
      }),
    );
  });
}

/** Configurations in the order of what they show: depth first, then 1×1 filters, then LRN. */
const IMPORTANCE: readonly ConfigurationName[] = ['A', 'B', 'D', 'E', 'C', 'A-LRN'];
const LATER_IMPORTANCE: readonly ConfigurationName[] = ['D', 'E', 'C', 'B', 'A', 'A-LRN'];

/** Sorts nets so that those that a short budget leaves out first come last. A net is never before the one that it starts from. */
export function byImportance(nets: readonly StudyNet[]): StudyNet[] {
  const [first] = inOrder(
    PAPER_SCALES,
    nets.map(({ paperScale }) => paperScale),
  );
  const rank = ({ seed, config, paperScale }: StudyNet) => [
    seed,
    Number(paperScale !== first),
    (paperScale === first ? IMPORTANCE : LATER_IMPORTANCE).indexOf(config),
    PAPER_SCALES.indexOf(paperScale),
  ];
  return [...nets].sort((a, b) => {
    const other = rank(b);
    const i = rank(a).findIndex((value, at) => value !== other[at]);
    return i === -1 ? 0 : rank(a)[i]! - other[i]!;
  });
}

/** Returns the nets of Tables 5 and 6: the two deepest of the last scale, of every seed. */
export function deepest(nets: readonly StudyNet[]): StudyNet[] {
  const last = inOrder(
    PAPER_SCALES,
    nets.map(({ paperScale }) => paperScale),
  ).at(-1);
  const seeds = [...new Set(nets.map(({ seed }) => seed))];
  return seeds.flatMap((seed) => nets.filter((net) => net.seed === seed && net.paperScale === last).slice(-2));
}

/** Returns true for a net that starts from its own weights of another scale. */
export function isLater({ from }: StudyNet): boolean {
  return from?.key === 'weights';
}
