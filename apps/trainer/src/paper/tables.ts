/** Tables 3 to 6 of the paper for the data of a study, with the paper's figures next to its own. */
import { type EvaluationRow, scalesFor } from '@vgg/eval';
import type { PrintedTable } from '@vgg/report';
import { table } from '../terminal/output';
import { type Figures, PAPER_SCALES, TABLE_5, TABLE_6, TABLES_3_AND_4 } from './figures';
import type { StudyNet } from './plan';

/** Fields of a result that a table shows. */
export type Result = Pick<EvaluationRow, 'nets' | 'protocol' | 'scales' | 'images' | 'top1Error' | 'top5Error'>;

export interface TableInput {
  nets: readonly StudyNet[];
  input: number;
  /** Number of guesses that the top-5 error allows. */
  k: number;
  /** Epochs of each trained net, by its name. */
  epochs: Readonly<Record<string, number>>;
  /** Dense evaluation of each trained net, by its name. */
  dense: Readonly<Record<string, readonly Result[]>>;
  /** Evaluation under every protocol over all scales: the deepest nets alone and fused. */
  protocols: readonly Result[];
}

const NO_FIGURES = ['', ''] as const;

function errors(result: Result | undefined): readonly string[] {
  if (result?.top1Error == null) return NO_FIGURES;
  // With five classes or fewer there is no top-5 error.
  return [result.top1Error.toFixed(1), result.top5Error?.toFixed(1) ?? '–'];
}

function paper(figures: Figures | undefined): readonly string[] {
  return figures === undefined ? NO_FIGURES : figures.map((figure) => figure.toFixed(1));
}

function scaleText(scale: StudyNet['scale']): string {
  return typeof scale === 'number' ? String(scale) : `[${scale.join(';')}]`;
}

function paperScaleText(scale: StudyNet['paperScale']): string {
  return scale.includes(':') ? `[${scale.replace(':', ';')}]` : scale;
}

const PAPER_COLUMNS = ['ImageNet S', 'top-1', 'top-5'];

/** Sorts as the paper does: by net, then by scale. */
function inPaperOrder(nets: readonly StudyNet[]): StudyNet[] {
  const configs = [...new Set(nets.map(({ config }) => config))];
  return [...nets].sort(
    (a, b) =>
      configs.indexOf(a.config) - configs.indexOf(b.config) ||
      PAPER_SCALES.indexOf(a.paperScale) - PAPER_SCALES.indexOf(b.paperScale),
  );
}

function byNet({ nets, input, epochs, dense }: TableInput, mode: 'single' | 'multi'): readonly (readonly string[])[] {
  return inPaperOrder(nets)
    .filter(({ name }) => dense[name] !== undefined)
    .map((net) => {
      const { name, config, scale, paperScale } = net;
      const scales = scalesFor(scale, mode, input);
      const result = dense[name]!.find((row) => row.protocol === 'dense' && row.scales.join() === scales.join());
      const known = TABLES_3_AND_4.find((row) => row.config === config && row.scale === paperScale);
      const own = [String(epochs[name]), ...errors(result)];
      return [config, scaleText(scale), scales.join(', '), ...own, paperScaleText(paperScale), ...paper(known?.[mode])];
    });
}

/** Returns the tables for which there are results. */
export function tables(study: TableInput): PrintedTable[] {
  const own = ['top-1 %', `top-${study.k} %`];
  const header = ['net', 'S', 'Q', 'epochs', ...own, ...PAPER_COLUMNS];
  const made: PrintedTable[] = [
    { title: 'Table 3: one test scale, dense', header, rows: byNet(study, 'single'), textColumns: 3 },
    { title: 'Table 4: several test scales, dense', header, rows: byNet(study, 'multi'), textColumns: 3 },
  ];
  if (study.protocols.length === 0) return made;
  const several = study.protocols.reduce((most, { scales }) => Math.max(most, scales.length), 0);
  const whole = study.protocols.filter(({ scales }) => scales.length === several);
  const configOf = (name: string) => study.nets.find((net) => net.name === name)!.config;
  const paperHeader = ['net', 'protocol', 'Q', ...own, 'ImageNet top-1', 'top-5'];
  const row = (result: Result, figures: Figures | undefined) => [
    result.nets.map(configOf).join(' + '),
    result.protocol,
    result.scales.join(', '),
    ...errors(result),
    ...paper(figures),
  ];
  const alone = whole.filter(({ nets }) => nets.length === 1);
  const fused = whole.filter(({ nets }) => nets.length > 1);
  const table5 = alone.map((result) => {
    const known = TABLE_5.find(({ config }) => config === configOf(result.nets[0]!));
    return row(result, result.protocol === 'single' ? undefined : known?.[result.protocol]);
  });
  made.push({ title: 'Table 5: dense, multi-crop and both', header: paperHeader, rows: table5, textColumns: 3 });
  if (fused.length === 0) return made;
  const table6 = fused.map((result) => {
    const known = result.nets.map(configOf).join() === TABLE_6.configs.join() && result.protocol === 'both';
    return row(result, known ? TABLE_6.both : undefined);
  });
  made.push({ title: 'Table 6: fusion of nets', header: paperHeader, rows: table6, textColumns: 3 });
  return made;
}

export function markdown(title: string, made: readonly PrintedTable[], notes: readonly string[]): string {
  const parts = made.map(
    ({ title: name, header, rows, textColumns }) => `## ${name}\n\n${table(header, rows, textColumns)}`,
  );
  return [`# ${title}`, ...parts, `## Notes\n\n${notes.map((note) => `- ${note}`).join('\n')}`]
    .join('\n\n')
    .concat('\n');
}
