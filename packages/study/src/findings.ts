/** The paper's findings (section 4) as comparisons of two nets or protocols, tested on the images of a study. */
import type { Comparison } from '@vgg/eval';
import type { ConfigurationName } from '@vgg/models';
import type { PrintedTable } from '@vgg/report';
import { PAPER_SCALES, TABLE_5, TABLES_3_AND_4 } from './figures';
import { deepest, type StudyNet } from './nets';
import type { StudyResults, Variant } from './results';
import type { Measure } from './scores';
import { distinctNets, fusions, netsText, scaleText } from './tables';

/** Largest p at which a difference counts. */
const SIGNIFICANT = 0.05;

/** Comparison of two variants, and that of the paper. */
export interface Finding {
  /** Finding of the paper. */
  readonly claim: string;
  readonly before: string;
  readonly after: string;
  readonly comparison: Comparison;
  /** Difference of the top-1 errors in the paper, in %; undefined if the paper has no such pair. */
  readonly paper: number | undefined;
  readonly verdict: string;
}

interface Candidate {
  claim: string;
  before: [name: string, Variant, paper: number | undefined];
  after: [name: string, Variant, paper: number | undefined];
  /** True for a claim of no gain. */
  noGain?: boolean;
}

/** Largest ratio of the epochs of two nets that are compared. */
const COMPARABLE = 1.25;

/** Returns the mean epochs of a net over its random seeds. */
function meanEpochs(nets: readonly StudyNet[], id: string, epochs: Readonly<Record<string, number>>): number {
  const own = nets.filter((net) => net.id === id).map(({ name }) => epochs[name] ?? 0);
  return own.reduce((sum, value) => sum + value, 0) / own.length;
}

/** Returns why two nets of one scale cannot be compared: they were trained for different numbers of epochs. */
function unequalEpochs(before: number, after: number): string | undefined {
  if (Math.max(before, after) <= COMPARABLE * Math.min(before, after)) return undefined;
  return `not comparable: ${before.toFixed(0)} and ${after.toFixed(0)} epochs`;
}

/** @param paper difference in the paper: where the error rises there, as from D to E at one scale, a claimed gain is none. */
function verdictOf({ difference, p }: Comparison, claimsNone: boolean, paper: number | undefined): string {
  const better = difference < 0;
  const noGain = claimsNone || (paper !== undefined && paper > 0);
  if (p >= SIGNIFICANT) return noGain ? 'as in the paper: no gain' : `open: ${better ? 'same' : 'other'} direction`;
  return better === noGain ? 'not as in the paper' : 'as in the paper';
}

/** Pairs of configurations that the paper compares. */
const PAIRS: readonly { claim: string; pairs: readonly [ConfigurationName, ConfigurationName][]; noGain?: boolean }[] =
  [
    {
      claim: 'depth helps',
      pairs: [
        ['A', 'B'],
        ['B', 'D'],
        ['A', 'D'],
        ['D', 'E'],
      ],
    },
    { claim: 'LRN does not help', pairs: [['A', 'A-LRN']], noGain: true },
    {
      claim: '1×1 filters help, 3×3 ones more',
      pairs: [
        ['B', 'C'],
        ['C', 'D'],
      ],
    },
  ];

function candidates(results: StudyResults): Candidate[] {
  const nets = distinctNets(results.nets);
  const single = ({ id }: StudyNet): Variant => ({ ids: [id], measure: 'dense:single' });
  const multi = ({ id }: StudyNet, measure: Measure = 'dense:multi'): Variant => ({ ids: [id], measure });
  const nameOf = ({ config, scale }: StudyNet) => `${config} ${scaleText(scale)}`;
  const row = (net: StudyNet) =>
    TABLES_3_AND_4.find(({ config, scale }) => config === net.config && scale === net.paperScale);
  const one = (net: StudyNet): Candidate['before'] => [nameOf(net), single(net), row(net)?.single[0]];
  const find = (config: ConfigurationName, scale: string) =>
    nets.find((net) => net.config === config && net.paperScale === scale);
  const found: Candidate[] = [];
  for (const { claim, pairs, noGain = false } of PAIRS) {
    for (const scale of PAPER_SCALES) {
      for (const [first, second] of pairs) {
        const before = find(first, scale);
        const after = find(second, scale);
        if (before && after) found.push({ claim, before: one(before), after: one(after), noGain });
      }
    }
  }
  for (const after of nets.filter(({ paperScale }) => paperScale === '256:512')) {
    for (const scale of ['256', '384'] as const) {
      const before = find(after.config, scale);
      if (before) found.push({ claim: 'scale jitter beats a fixed S', before: one(before), after: one(after) });
    }
  }
  for (const net of nets) {
    found.push({
      claim: 'several Q beat one',
      before: [`${nameOf(net)}, one Q`, single(net), row(net)?.single[0]],
      after: [`${nameOf(net)}, several Q`, multi(net), row(net)?.multi?.[0]],
    });
  }
  for (const net of distinctNets(deepest(results.nets))) {
    const known = net.paperScale === '256:512' ? TABLE_5.find(({ config }) => config === net.config) : undefined;
    const of = (protocol: 'dense' | 'multi-crop' | 'both'): Candidate['before'] => [
      `${nameOf(net)}, ${protocol}`,
      multi(net, `${protocol}:multi`),
      known?.[protocol][0],
    ];
    const claim = 'dense and multi-crop complement each other';
    found.push(
      { claim, before: of('dense'), after: of('both') },
      { claim, before: of('multi-crop'), after: of('both') },
    );
  }
  for (const { nets: some, paper } of fusions(results)) {
    const ids = some.map(({ id }) => id);
    for (const protocol of ['dense', 'both'] as const) {
      const measure: Measure = `${protocol}:multi`;
      const alone = some
        .map((net) => ({ net, error: results.result(multi(net, measure))?.top1.error }))
        .filter(({ error }) => error !== undefined);
      if (alone.length < some.length) continue;
      const { net } = alone.reduce((best, other) => (other.error! < best.error! ? other : best));
      const known = net.paperScale === '256:512' ? TABLE_5.find(({ config }) => config === net.config) : undefined;
      const alonePaper = known?.[protocol][0] ?? (protocol === 'dense' ? row(net)?.multi?.[0] : undefined);
      found.push({
        claim: 'fusion is best',
        before: [`${nameOf(net)}, ${protocol}`, multi(net, measure), alonePaper],
        after: [`${netsText(some)}, ${protocol}`, { ids, measure }, paper?.[protocol]?.[0]],
      });
    }
  }
  return found;
}

/**
 * Returns the findings for which there are results. Each compares top-1 errors on the same images.
 *
 * @param epochs epochs of each trained net, by its name.
 */
export function findings(results: StudyResults, epochs: Readonly<Record<string, number>>): Finding[] {
  const epochsOf = ({ ids }: Variant) => meanEpochs(results.nets, ids[0]!, epochs);
  return candidates(results).flatMap(({ claim, before, after, noGain = false }) => {
    const comparison = results.compare(before[1], after[1]);
    if (comparison === undefined) return [];
    const paper = before[2] === undefined || after[2] === undefined ? undefined : after[2] - before[2];
    const unequal = PAIRS.some((pair) => pair.claim === claim)
      ? unequalEpochs(epochsOf(before[1]), epochsOf(after[1]))
      : undefined;
    const verdict = unequal ?? verdictOf(comparison, noGain, paper);
    return [{ claim, before: before[0], after: after[0], comparison, paper, verdict }];
  });
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(1)}`;
}

/** Returns the findings as a table; undefined if there are none. */
export function findingsTable(found: readonly Finding[]): PrintedTable | undefined {
  if (found.length === 0) return undefined;
  return {
    title: 'Findings of the paper: differences of the top-1 error',
    header: ['finding', 'from', 'to', 'verdict', 'difference %', 'p', 'ImageNet'],
    rows: found.map(({ claim, before, after, comparison, paper, verdict }) => [
      claim,
      before,
      after,
      verdict,
      `${signed(comparison.difference)} ± ${comparison.standardError.toFixed(1)}`,
      comparison.p < 0.001 ? '< 0.001' : comparison.p.toFixed(3),
      paper === undefined ? '' : signed(paper),
    ]),
    textColumns: 4,
  };
}
