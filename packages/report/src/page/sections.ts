/** Parts of the page other than curves. */
import { formatDuration } from '@vgg/core';
import type {
  Activity,
  BarChart,
  ClassTable,
  Confusion,
  EmbeddedImage,
  Facts,
  HeatMap,
  LabelledImage,
  Mistake,
  PrintedTable,
  Progressing,
  ReportData,
  ResultRow,
  StudyData,
  TimeSpent,
} from '../data';
import { empty, emptySection, figure, h, percent, section } from './dom';

const STATES = {
  training: 'training',
  evaluating: 'evaluating',
  complete: 'complete',
  interrupted: 'interrupted',
  unfinished: 'not finished',
} as const;

/** Returns a time as `2026-01-01 12:00:00 UTC`. */
function timeOf(made: string): string {
  return made.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

export function header({ name, summary, made, headline }: ReportData): HTMLElement {
  return h(
    'header',
    {},
    h('h1', {}, name, ' ', h('span', { class: `state ${headline.state}`, id: 'state' }, STATES[headline.state])),
    summary !== '' && h('p', {}, summary),
    h('p', { class: 'about', id: 'made' }, `As of ${timeOf(made)}`),
  );
}

/** Returns the row with the lowest error on the validation images, if there is one. */
function bestResult(rows: readonly ResultRow[]): ResultRow[] {
  const measured = rows.filter(({ of, top1 }) => of === 'validation' && top1 !== null);
  return measured.sort((a, b) => b.images - a.images || a.top1! - b.top1!).slice(0, 1);
}

/** Draws the headline numbers, each with the protocol by which it was measured. */
export function tiles({ headline, results: rows }: Progressing & Pick<ReportData, 'results'>): HTMLElement {
  const { best, epoch, epochs, seconds, imagesPerSecond } = headline;
  const tile = (name: string, value: string, note = '') =>
    h('div', { class: 'tile' }, h('dt', {}, name), h('dd', {}, value, note !== '' && h('small', {}, note)));
  return h(
    'dl',
    { class: 'tiles', id: 'tiles' },
    tile(
      best?.validation === false ? 'best top-1 error, training' : 'best top-1 error',
      best === null ? '–' : `${best.top1.toFixed(2)} %`,
      best === null ? '' : `after epoch ${best.epoch}${best.validation === false ? '' : ', one centre crop'}`,
    ),
    ...bestResult(rows).map(({ protocol, scales, top1, images, of }) =>
      tile('best result', `${top1!.toFixed(2)} %`, `${protocol}, Q = ${scales.join(', ')}, ${images} ${of} images`),
    ),
    tile('epochs', `${epoch}`, `of ${epochs}`),
    tile('trained for', formatDuration(seconds)),
    tile(
      'throughput',
      imagesPerSecond === null ? '–' : figure(imagesPerSecond),
      imagesPerSecond === null ? '' : 'images/s',
    ),
  );
}

export function activity(now: Activity | null): HTMLElement {
  if (now === null) return h('div', { id: 'activity', hidden: '' });
  const bar = (name: string, part: number, note: string) =>
    h(
      'div',
      { class: 'progress' },
      h('span', {}, name),
      h('progress', { max: 1, value: part, 'aria-label': name }),
      h('span', {}, note),
    );
  const left = now.left === null ? '' : `, ${formatDuration(now.left)} left`;
  return h(
    'div',
    { id: 'activity' },
    bar(now.what, now.epochPart, percent(now.epochPart)),
    bar('run', now.runPart, `${percent(now.runPart)}${left}`),
  );
}

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

/** Draws bars of errors, each with its reference under it. */
function barChart({ title, bars }: BarChart): HTMLElement {
  const most = bars.reduce((high, { value, reference = 0 }) => Math.max(high, value, reference), 0);
  const bar = (label: string, value: number, text: string, kind: string) =>
    h(
      'div',
      { class: `bar ${kind}` },
      h('span', {}, label),
      h('i', { style: `--share: ${(100 * value) / Math.max(most, 1e-9)}%` }),
      h('span', {}, text),
    );
  const rows = bars.flatMap(({ label, value, error, reference }) => [
    bar(label, value, `${value.toFixed(1)} ± ${error.toFixed(1)}\u00a0%`, 'fused'),
    reference !== undefined && bar('', reference, `${reference.toFixed(1)}\u00a0%`, 'reference'),
  ]);
  return h('figure', { class: 'bars wide', 'aria-label': `Chart: ${title}` }, h('figcaption', {}, title), ...rows);
}

/** Draws the charts of a study; null if it has none. */
export function barCharts(charts: readonly BarChart[]): HTMLElement | null {
  if (charts.length === 0) return null;
  const about =
    "Top-1 error, ± one standard error. Under each bar, in grey: the paper's on ImageNet. Compare the order, not the level.";
  return section('charts', 'Charts', about, ...charts.map(barChart));
}

export function printedTable({ title, header: names, rows, textColumns }: PrintedTable, index: number): HTMLElement {
  return section(`table-${index}`, title, '', table(names, rows, textColumns));
}

export function studyHeader({ name, summary, made, notes, runs }: StudyData): HTMLElement {
  const links = runs.map(({ name: run, href }) => h('li', {}, h('a', { href }, run)));
  return h(
    'header',
    {},
    h('h1', {}, name),
    h('p', {}, summary),
    h('p', { class: 'about', id: 'made' }, `As of ${timeOf(made)}`),
    ...notes.map((note) => h('p', {}, note)),
    links.length > 0 && h('p', {}, 'Reports of the nets:'),
    h('ul', { class: 'links' }, ...links),
  );
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

function imageElement({ src, width, height }: EmbeddedImage, text: string): HTMLElement {
  const small = Math.max(width, height) < 100;
  return h('img', { src, width, height, alt: text, class: small ? 'pixels' : undefined });
}

export function mistakes(shown: readonly Mistake[], reason: string | undefined): HTMLElement | null {
  const title = 'Most confident mistakes';
  if (shown.length === 0) return emptySection('mistakes', title, '', reason);
  const card = ({ image, key, label, predicted, probability }: Mistake) =>
    h(
      'figure',
      { title: key },
      image === null
        ? h('div', { class: 'gone' }, 'image not found')
        : imageElement(image, `${label}, predicted as ${predicted}`),
      h(
        'figcaption',
        {},
        h('b', {}, predicted),
        ` ${percent(probability)}`,
        h('br'),
        `true: ${label}`,
        h('span', { class: 'file' }, key),
      ),
    );
  return section(
    'mistakes',
    title,
    'The predicted class with its probability, the true class, and the file.',
    h('div', { class: 'gallery' }, ...shown.map(card)),
  );
}

export function heatMaps(maps: readonly HeatMap[], reason: string | undefined): HTMLElement | null {
  const title = 'Class maps';
  if (maps.length === 0) return emptySection('heat-maps', title, '', reason);
  const card = ({ image, overlay, low, high, key, label, predicted, probability }: HeatMap) =>
    h(
      'figure',
      { title: key },
      h('div', { class: 'pair' }, imageElement(image, label), imageElement(overlay, `class map of ${predicted}`)),
      h(
        'figcaption',
        {},
        h('b', {}, predicted),
        ` ${percent(probability)}`,
        predicted === label ? '' : `, true: ${label}`,
        h(
          'span',
          { class: 'legend' },
          `${percent(low, 1)} `,
          h('span', { class: 'scale', role: 'img', 'aria-label': 'from dark to bright' }),
          ` ${percent(high, 1)}`,
        ),
        h('span', { class: 'file' }, key),
      ),
    );
  return section(
    'heat-maps',
    title,
    'Probability of the most likely class at each place of the image, by dense evaluation of the enlarged image. The colours of each map go from its own lowest to its own highest probability.',
    h('div', { class: 'pairs' }, ...maps.map(card)),
  );
}

export function crops(shown: readonly LabelledImage[], reason: string | undefined): HTMLElement | null {
  const title = 'Training crops';
  if (shown.length === 0) return emptySection('crops', title, '', reason);
  return section(
    'crops',
    title,
    'The first crops of the first epoch as the net receives them: rescaled, cropped, flipped, with shifted colours. To show them, the mean is added.',
    h(
      'div',
      { class: 'gallery small' },
      ...shown.map(({ image, label }) => h('figure', {}, imageElement(image, label), h('figcaption', {}, label))),
    ),
  );
}

export function filters(sheet: EmbeddedImage | null, reason: string | undefined): HTMLElement | null {
  const title = 'First layer';
  if (sheet === null) return emptySection('filters', title, '', reason);
  return section(
    'filters',
    title,
    'The 3×3 filters of conv1_1 for red, green and blue. Grey is zero; each filter is scaled by its largest weight.',
    h('img', { class: 'filters', src: sheet.src, width: sheet.width, height: sheet.height, alt: 'filters of conv1_1' }),
  );
}

/** Activities and their names on the page. */
const SPENT = [
  ['computing', 'steps'],
  ['waiting', 'waiting for images'],
  ['validating', 'validation'],
  ['saving', 'checkpoints'],
] as const;

/** Draws the time of the run by activity. */
export function timeSpent(time: TimeSpent): HTMLElement {
  const total = SPENT.reduce((sum, [name]) => sum + time[name], 0);
  if (total === 0) return h('div', { id: 'spent' }, empty('No time has been measured.'));
  const rows = SPENT.map(([name, label]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('i', { class: name }), label),
      h('td', { class: 'number' }, formatDuration(time[name])),
      h('td', { class: 'number' }, percent(time[name] / total, 1)),
    ),
  );
  return h(
    'div',
    { id: 'spent' },
    h(
      'div',
      { class: 'stack', 'aria-hidden': 'true' },
      ...SPENT.map(([name]) => h('span', { class: name, style: `flex-grow: ${time[name] / total}` })),
    ),
    h('table', {}, h('tbody', {}, ...rows)),
  );
}

export function factTables(tables: readonly Facts[]): HTMLElement | null {
  if (tables.length === 0) return null;
  return section(
    'run',
    'The run',
    '',
    h(
      'div',
      { class: 'facts' },
      ...tables.map(({ title, rows }) =>
        h(
          'div',
          {},
          h('h3', {}, title),
          h(
            'table',
            {},
            h(
              'tbody',
              {},
              ...rows.map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value))),
            ),
          ),
        ),
      ),
    ),
  );
}
