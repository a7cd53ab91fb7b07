/** Tables 3 to 6 of the paper for the data of a study, with standard errors and the paper's figures next to its own. */
import { type ErrorEstimate, scalesFor } from '@vgg/eval';
import type { PrintedTable } from '@vgg/report';
import { markdownTable } from 'markdown-table';
import { type Figures, PAPER_SCALES, type PaperScale, TABLE_5, TABLE_6, TABLES_3_AND_4 } from './figures';
import { deepest, type StudyNet } from './nets';
import type { StudyResults, Variant, VariantResult } from './results';
import type { TestScales } from './scores';

/** Content of the tables. */
export interface TableInput {
  results: StudyResults;
  input: number;
  /** Epochs of each trained net, by its name. */
  epochs: Readonly<Record<string, number>>;
}

const NO_FIGURES = ['', ''] as const;

/** Returns an error and its standard error in %: `24.3 ± 0.6`. */
export function errorText({ error, standardError }: ErrorEstimate): string {
  return `${error.toFixed(1)} ± ${standardError.toFixed(1)}`;
}

function errors({ top1, top5 }: VariantResult, classes: number): readonly string[] {
  // Five classes or fewer have no top-5 error.
  return [errorText(top1), classes > 5 ? errorText(top5) : '–'];
}

function paper(figures: Figures | undefined): readonly string[] {
  return figures === undefined ? NO_FIGURES : figures.map((figure) => figure.toFixed(1));
}

export function scaleText(scale: StudyNet['scale']): string {
  return typeof scale === 'number' ? String(scale) : `[${scale.join(';')}]`;
}

function paperScaleText(scale: PaperScale): string {
  return scale.includes(':') ? `[${scale.replace(':', ';')}]` : scale;
}

/** Returns the nets without their random seeds, sorted as the paper does: by net, then by scale. */
export function distinctNets(nets: readonly StudyNet[]): StudyNet[] {
  const distinct = nets.filter((net, i) => nets.findIndex(({ id }) => id === net.id) === i);
  const configs = [...new Set(distinct.map(({ config }) => config))];
  return distinct.sort(
    (a, b) =>
      configs.indexOf(a.config) - configs.indexOf(b.config) ||
      PAPER_SCALES.indexOf(a.paperScale) - PAPER_SCALES.indexOf(b.paperScale),
  );
}

/** Returns the epochs of a net after those of the nets that its weights come from: `12 + 6`; of several seeds the fewest and the most. */
function epochsText(id: string, { results, epochs }: TableInput): string {
  const chain = (net: StudyNet | undefined): number[] => {
    if (net === undefined) return [];
    const before = net.from?.key === 'weights' ? net.from.net : undefined;
    return [...chain(results.nets.find(({ name }) => name === before)), epochs[net.name]!];
  };
  const texts = results.nets.filter((net) => net.id === id).map((net) => chain(net).join(' + '));
  return [...new Set(texts)].join(' or ');
}

function byNet(study: TableInput, mode: TestScales): readonly (readonly string[])[] {
  const { results, input } = study;
  return distinctNets(results.nets).flatMap((net) => {
    const { id, config, scale, paperScale } = net;
    const result = results.result({ ids: [id], measure: `dense:${mode}` });
    if (result === undefined) return [];
    const known = TABLES_3_AND_4.find((row) => row.config === config && row.scale === paperScale);
    const own = [epochsText(id, study), String(result.seeds), ...errors(result, results.classes)];
    const scales = scalesFor(scale, mode, input).join(', ');
    return [[config, scaleText(scale), scales, ...own, paperScaleText(paperScale), ...paper(known?.[mode])]];
  });
}

/** Protocols of Tables 5 and 6. */
const PROTOCOLS = ['single', 'dense', 'multi-crop', 'both'] as const;

/** Fusion of Table 6. */
export interface Fusion {
  readonly nets: readonly StudyNet[];
  /** Figures of the paper if all its nets are there. */
  readonly paper?: Partial<Record<(typeof PROTOCOLS)[number], Figures>> | undefined;
}

/** Returns the paper's fusions as far as their nets are there, or that of the two deepest nets. */
export function fusions(results: StudyResults): Fusion[] {
  const nets = distinctNets(results.nets);
  const known = TABLE_6.map(({ nets: wanted, ...figures }): Fusion => {
    const found = wanted.map(([config, scale]) =>
      nets.find((net) => net.config === config && net.paperScale === scale),
    );
    const present = found.filter((net) => net !== undefined);
    return { nets: present, paper: present.length === wanted.length ? figures : undefined };
  });
  const two = deepest(results.nets.filter(({ seed }) => seed === 1));
  const candidates = [...known, { nets: two }].filter(({ nets: some }) => some.length > 1);
  const keyOf = (fusion: Fusion) =>
    fusion.nets
      .map(({ id }) => id)
      .sort()
      .join();
  return candidates.filter((fusion, i) => candidates.findIndex((other) => keyOf(other) === keyOf(fusion)) === i);
}

/** Returns the names of nets with their scales: `D 37, D [37;73]`. */
export function netsText(nets: readonly StudyNet[]): string {
  return nets.map(({ config, scale }) => `${config} ${scaleText(scale)}`).join(', ');
}

/** Returns the tables for which there are results. */
export function tables(study: TableInput): PrintedTable[] {
  const { results, input } = study;
  const own = ['top-1 %', 'top-5 %'];
  const header = ['net', 'S', 'Q', 'epochs', 'seeds', ...own, 'ImageNet S', 'top-1', 'top-5'];
  const made: PrintedTable[] = [
    { title: 'Table 3: one test scale, dense', header, rows: byNet(study, 'single'), textColumns: 3 },
    { title: 'Table 4: several test scales, dense', header, rows: byNet(study, 'multi'), textColumns: 3 },
  ];
  const row = (name: string, variant: Variant, figures: Figures | undefined): string[][] => {
    const result = results.result(variant);
    if (result === undefined) return [];
    const [protocol] = variant.measure.split(':') as [string];
    return [
      [
        name,
        protocol,
        String(result.images),
        String(result.seeds),
        ...errors(result, results.classes),
        ...paper(figures),
      ],
    ];
  };
  const paperHeader = ['net', 'protocol', 'images', 'seeds', ...own, 'ImageNet top-1', 'top-5'];
  const table5 = distinctNets(deepest(results.nets)).flatMap((net) =>
    PROTOCOLS.flatMap((protocol) => {
      const known = net.paperScale === '256:512' ? TABLE_5.find(({ config }) => config === net.config) : undefined;
      const name = `${net.config} ${scaleText(net.scale)}, Q = ${scalesFor(net.scale, 'multi', input).join(', ')}`;
      const figures = protocol === 'single' ? undefined : known?.[protocol];
      return row(name, { ids: [net.id], measure: `${protocol}:multi` }, figures);
    }),
  );
  const hasCrops = table5.some(([, protocol]) => protocol === 'multi-crop');
  if (hasCrops) {
    made.push({ title: 'Table 5: dense, multi-crop and both', header: paperHeader, rows: table5, textColumns: 2 });
  }
  const table6 = fusions(results).flatMap((fusion) =>
    PROTOCOLS.slice(1).flatMap((protocol) => {
      const ids = fusion.nets.map(({ id }) => id);
      return row(netsText(fusion.nets), { ids, measure: `${protocol}:multi` }, fusion.paper?.[protocol]);
    }),
  );
  if (table6.length > 0) {
    made.push({
      title: 'Table 6: fusion of nets, each at its own test scales',
      header: paperHeader,
      rows: table6,
      textColumns: 2,
    });
  }
  return made;
}

/** Returns tables and notes as one Markdown document. */
export function markdown(title: string, made: readonly PrintedTable[], notes: readonly string[]): string {
  const tableText = ({ header, rows, textColumns }: PrintedTable) => {
    const align = header.map((_, i) => (i < textColumns ? 'l' : 'r'));
    return markdownTable([[...header], ...rows.map((row) => [...row])], { align });
  };
  const parts = made.map((one) => `## ${one.title}\n\n${tableText(one)}`);
  return [`# ${title}`, ...parts, `## Notes\n\n${notes.map((note) => `- ${note}`).join('\n')}`]
    .join('\n\n')
    .concat('\n');
}
