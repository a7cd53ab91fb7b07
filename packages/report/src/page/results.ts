/** Results on the page: errors by protocol, figures by class, confusion, and the tables of a study. */
import type { ClassTable, Confusion, PrintedTable, ReportData, ResultRow } from '../data';
import { emptySection, h, section } from './dom';

/** Returns an error in % with two decimals. */
function errorText(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

/** Makes a table that scrolls sideways where it is too wide; shadows at its sides and a line of text show that it does. */
function table(header: readonly string[], rows: readonly (readonly string[])[], text: number): HTMLElement {
  const kind = (i: number) => ({ class: i < text ? 'text' : 'number' });
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      { class: 'plain' },
      h('thead', {}, h('tr', {}, ...header.map((name, i) => h('th', { scope: 'col', ...kind(i) }, name)))),
      h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((cell, i) => h('td', kind(i), cell))))),
    ),
  );
}

/** Returns a share from 0 to 1 in % with one decimal. */
function shareText(value: number | null | undefined): string {
  return value == null ? '–' : (100 * value).toFixed(1);
}

/** Column of the table of results. Columns without a value are left out. */
interface ResultColumn {
  readonly name: string;
  readonly text: (row: ResultRow) => string;
  readonly isText?: boolean;
}

export function results({ results: rows, k, classes, missing }: ReportData): HTMLElement | null {
  const title = 'Results';
  const about =
    'Error in % by test protocol and test scale Q (section 3.2 of the paper). single: one centre crop; dense: the net applied to the whole image; multi-crop: 5×5 crops with flips; both: the mean of dense and multi-crop.';
  const aboutFigures =
    ' F1 (in %): mean over the classes. ECE (in %), the expected calibration error: mean difference between the probability of the predicted class and the share of right predictions.';
  if (rows.length === 0) return emptySection('results', title, about, missing.results);
  const images = (row: ResultRow) => `${row.images} ${row.of}`;
  // A column with one value for all rows goes into the text.
  const isCommon = rows.every((row) => images(row) === images(rows[0]!));
  const withTop5 = (classes === null || classes > 5) && rows.some(({ top5 }) => top5 !== null);
  const withFigures = rows.some(({ f1 }) => f1 != null);
  const columns: ResultColumn[] = [
    { name: 'protocol', text: ({ protocol }) => protocol, isText: true },
    { name: 'Q', text: ({ scales }) => scales.join(', '), isText: true },
  ];
  if (!isCommon) columns.push({ name: 'images', text: images, isText: true });
  columns.push({ name: 'top-1', text: ({ top1 }) => errorText(top1) });
  if (withTop5) columns.push({ name: `top-${k}`, text: ({ top5 }) => errorText(top5) });
  if (withFigures) {
    columns.push({ name: 'F1', text: ({ f1 }) => shareText(f1) });
    columns.push({ name: 'ECE', text: ({ calibrationError }) => shareText(calibrationError) });
  }
  const text = `${about}${withFigures ? aboutFigures : ''}${isCommon ? ` Measured on ${images(rows[0]!)} images.` : ''}`;
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const header = columns.map(({ name }) => name);
  const textColumns = columns.filter(({ isText }) => isText).length;
  return section('results', title, text, resultChart(rows), table(header, cells, textColumns));
}

/** Draws precision, recall and F1 by class. Nothing replaces it where there are no predictions: see {@link confusion}. */
export function classFigures(figures: ClassTable | null): HTMLElement | null {
  if (figures === null || figures.rows.length === 0) return null;
  const { rows, of, images, protocol } = figures;
  const part = rows.length < of ? ` Only the ${rows.length} of ${of} classes with the lowest F1 are shown.` : '';
  const about = `In %. Precision: share of the images predicted as the class that are of it. Recall: share of its images that are predicted as it. F1: harmonic mean of both. ${images} images, protocol ${protocol}.${part}`;
  const cells = rows.map((row) => [
    row.name,
    String(row.images),
    shareText(row.precision),
    shareText(row.recall),
    shareText(row.f1),
  ]);
  return section('classes', 'By class', about, table(['class', 'images', 'precision', 'recall', 'F1'], cells, 1));
}

/** Protocols in the order of the paper's tables. */
const PROTOCOL_ORDER: readonly string[] = ['single', 'dense', 'multi-crop', 'both'];

/** Longest chart of results, in bars. */
const MOST_BARS = 40;

/** Draws the top-1 errors as bars, in groups of one protocol. */
function resultChart(rows: readonly ResultRow[]): HTMLElement | null {
  const place = ({ protocol }: ResultRow) => PROTOCOL_ORDER.indexOf(protocol);
  const ordered = [...rows].sort((a, b) => place(a) - place(b) || a.scales.length - b.scales.length);
  const measured = ordered.filter(({ top1 }) => top1 !== null).slice(0, MOST_BARS);
  const most = measured.reduce((high, { top1 }) => Math.max(high, top1!), 0);
  if (measured.length < 2 || most === 0) return null;
  const bar = ({ protocol, scales, top1 }: ResultRow) =>
    h(
      'div',
      { class: `bar${scales.length > 1 ? ' fused' : ''}` },
      h('span', {}, `${protocol}, Q = ${scales.join(', ')}`),
      h('i', { style: `--share: ${(100 * top1!) / most}%` }),
      h('span', {}, `${top1!.toFixed(2)}\u00a0%`),
    );
  return h(
    'figure',
    { class: 'bars', 'aria-label': 'Chart: top-1 error by protocol and test scale' },
    h('figcaption', {}, 'Top-1 error; darker bars fuse several scales'),
    ...measured.map(bar),
  );
}

export function printedTable({ title, header: names, rows, textColumns }: PrintedTable, index: number): HTMLElement {
  return section(`table-${index}`, title, '', table(names, rows, textColumns));
}

export function confusion(matrix: Confusion | null, reason: string | undefined): HTMLElement | null {
  const title = 'Confusion';
  if (matrix === null) return emptySection('confusion', title, '', reason);
  const { classes, counts, totals, images, of, protocol } = matrix;
  const cell = (row: number, column: number) => {
    const count = counts[row * classes.length + column]!;
    const share = totals[row]! > 0 ? count / totals[row]! : 0;
    const tip = `${classes[row]} predicted as ${classes[column]}: ${count} of ${totals[row]}`;
    const kind = row === column ? 'right' : 'wrong';
    // The square root makes a share of a few percent visible.
    const strength = count === 0 ? 0 : Math.round(100 * Math.sqrt(share));
    return h(
      'td',
      { class: `cell ${kind}${strength > 55 ? ' strong' : ''}`, style: `--strength: ${strength}%`, title: tip },
      count === 0 ? '' : String(count),
    );
  };
  const part = classes.length < of ? ` Only the ${classes.length} most confused of ${of} classes are shown.` : '';
  return section(
    'confusion',
    title,
    `Rows: true classes. Columns: predicted classes. ${images} images, protocol ${protocol}.${part}`,
    h(
      'div',
      { class: 'scroll' },
      h(
        'table',
        { class: 'matrix' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('td'),
            ...classes.map((name) => h('th', { scope: 'col', class: 'above' }, h('span', {}, name))),
          ),
        ),
        h(
          'tbody',
          {},
          ...classes.map((name, row) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row', class: 'name' }, h('span', {}, name)),
              ...classes.map((_, column) => cell(row, column)),
            ),
          ),
        ),
      ),
    ),
  );
}
