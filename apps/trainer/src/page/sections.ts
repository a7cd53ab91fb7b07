/** The parts of the page that are no curves. */
import type {
  Activity,
  Confusion,
  Facts,
  HeatMap,
  LabelledPicture,
  Mistake,
  Picture,
  PrintedTable,
  Progressing,
  ReportData,
  ResultRow,
  StudyData,
  TimeSpent,
} from '../report/data';
import { duration, empty, figure, h, percent, section } from './dom';

const STATES = {
  training: 'training',
  evaluating: 'evaluating',
  complete: 'complete',
  interrupted: 'interrupted',
  unfinished: 'not finished',
} as const;

/** `2026-01-01 12:00:00 UTC`. */
function timeOf(made: string): string {
  return made.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}

export function header({ name, summary, made, headline }: ReportData): HTMLElement {
  return h(
    'header',
    {},
    h('h1', {}, name, ' ', h('span', { class: `state ${headline.state}`, id: 'state' }, STATES[headline.state])),
    h('p', {}, summary),
    h('p', { class: 'about', id: 'made' }, `As of ${timeOf(made)}`),
  );
}

export function tiles({ headline }: Progressing): HTMLElement {
  const { best, epoch, epochs, seconds, imagesPerSecond } = headline;
  const tile = (name: string, value: string, note = '') =>
    h('div', { class: 'tile' }, h('dt', {}, name), h('dd', {}, value, note !== '' && h('small', {}, note)));
  return h(
    'dl',
    { class: 'tiles', id: 'tiles' },
    tile(
      best?.validation === false ? 'best top-1 error, training' : 'best top-1 error',
      best === null ? '–' : `${best.top1.toFixed(2)} %`,
      best === null ? '' : `after epoch ${best.epoch}`,
    ),
    tile('epochs', `${epoch}`, `of ${epochs}`),
    tile('trained for', duration(seconds)),
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
  const left = now.left === null ? '' : `, ${duration(now.left)} left`;
  return h(
    'div',
    { id: 'activity' },
    bar(now.what, now.epochPart, percent(now.epochPart)),
    bar('run', now.runPart, `${percent(now.runPart)}${left}`),
  );
}

function error(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

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

export function results({ results: rows, k, missing }: ReportData): HTMLElement {
  const about =
    'Error in % by test protocol and test scale Q (section 3.2 of the paper): one centre crop; the dense view of the whole image; 5×5 crops with flips; both.';
  if (rows.length === 0) return section('results', 'Results', about, empty(missing.results ?? ''));
  const images = (row: ResultRow) => `${row.images} ${row.of}`;
  // What is the same for all is said once.
  const same = rows.every((row) => images(row) === images(rows[0]!)) ? images(rows[0]!) : undefined;
  const cells = (row: ResultRow) => [
    row.protocol,
    row.scales.join(', '),
    ...(same === undefined ? [images(row)] : []),
    error(row.top1),
    error(row.top5),
  ];
  const header = ['protocol', 'Q', ...(same === undefined ? ['images'] : []), 'top-1', `top-${k}`];
  return section(
    'results',
    'Results',
    same === undefined ? about : `${about} Of ${same} images.`,
    table(header, rows.map(cells), header.length - 2),
  );
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
    links.length > 0 && h('p', {}, 'The reports of its nets:'),
    h('ul', { class: 'links' }, ...links),
  );
}

export function confusion(matrix: Confusion | null, why: string | undefined): HTMLElement {
  const title = 'Confusion';
  if (matrix === null) return section('confusion', title, '', empty(why ?? ''));
  const { classes, counts, totals, images, of, protocol } = matrix;
  const cell = (row: number, column: number) => {
    const count = counts[row * classes.length + column]!;
    const share = totals[row]! > 0 ? count / totals[row]! : 0;
    const tip = `${classes[row]} taken for ${classes[column]}: ${count} of ${totals[row]}`;
    const kind = row === column ? 'right' : 'wrong';
    // A share of a few percent must still be seen.
    const strength = count === 0 ? 0 : Math.round(100 * Math.sqrt(share));
    return h(
      'td',
      { class: `cell ${kind}${strength > 55 ? ' strong' : ''}`, style: `--strength: ${strength}%`, title: tip },
      count === 0 ? '' : String(count),
    );
  };
  const part = classes.length < of ? ` Of ${of} classes, the ${classes.length} most confused.` : '';
  return section(
    'confusion',
    title,
    `Rows: what the images are; columns: what they were taken for. ${images} images, protocol ${protocol}.${part}`,
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

function image({ src, width, height }: Picture, text: string): HTMLElement {
  return h('img', { src, width, height, alt: text, ...(Math.max(width, height) < 100 && { class: 'pixels' }) });
}

export function mistakes(shown: readonly Mistake[], why: string | undefined): HTMLElement {
  const title = 'Most confident mistakes';
  if (shown.length === 0) return section('mistakes', title, '', empty(why ?? ''));
  const card = ({ picture, key, label, predicted, probability }: Mistake) =>
    h(
      'figure',
      { title: key },
      picture === null
        ? h('div', { class: 'gone' }, 'image not there')
        : image(picture, `${label}, taken for ${predicted}`),
      h('figcaption', {}, h('b', {}, predicted), ` ${percent(probability)}`, h('br'), `is ${label}`),
    );
  return section(
    'mistakes',
    title,
    'What the net said and how sure it was, and what the image is.',
    h('div', { class: 'gallery' }, ...shown.map(card)),
  );
}

export function heatMaps(maps: readonly HeatMap[], why: string | undefined): HTMLElement {
  const title = 'Where the net sees it';
  if (maps.length === 0) return section('heat-maps', title, '', empty(why ?? ''));
  const card = ({ picture, overlay, key, label, predicted, probability }: HeatMap) =>
    h(
      'figure',
      { title: key },
      h('div', { class: 'pair' }, image(picture, label), image(overlay, `class map of ${predicted}`)),
      h(
        'figcaption',
        {},
        h('b', {}, predicted),
        ` ${percent(probability)}`,
        predicted === label ? '' : `, is ${label}`,
      ),
    );
  return section(
    'heat-maps',
    title,
    'The dense view’s posterior of the likeliest class over the image.',
    h(
      'p',
      { class: 'legend' },
      '0 ',
      h('span', { class: 'scale', role: 'img', 'aria-label': 'from dark to bright' }),
      ' 1',
    ),
    h('div', { class: 'pairs' }, ...maps.map(card)),
  );
}

export function crops(shown: readonly LabelledPicture[], why: string | undefined): HTMLElement {
  const title = 'Training crops';
  if (shown.length === 0) return section('crops', title, '', empty(why ?? ''));
  return section(
    'crops',
    title,
    'The first crops of the first epoch as the net is given them: rescaled, cropped, flipped, shifted in colour. The mean is added again to show them.',
    h(
      'div',
      { class: 'gallery small' },
      ...shown.map(({ picture, label }) => h('figure', {}, image(picture, label), h('figcaption', {}, label))),
    ),
  );
}

export function filters(sheet: Picture | null, why: string | undefined): HTMLElement {
  const title = 'First layer';
  if (sheet === null) return section('filters', title, '', empty(why ?? ''));
  return section(
    'filters',
    title,
    'The 3×3 filters of conv1_1 on red, green and blue; grey is zero, each scaled by its own largest weight.',
    h('img', { class: 'filters', src: sheet.src, width: sheet.width, height: sheet.height, alt: 'filters of conv1_1' }),
  );
}

const SPENT = [
  ['computing', 'steps'],
  ['waiting', 'waiting for images'],
  ['validating', 'validation'],
  ['saving', 'checkpoints'],
] as const;

/** Where the time went; beside it stands the chart of throughput. */
export function timeSpent(time: TimeSpent): HTMLElement {
  const total = SPENT.reduce((sum, [name]) => sum + time[name], 0);
  if (total === 0) return h('div', { id: 'spent' }, empty('No step was made yet.'));
  const rows = SPENT.map(([name, words]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('i', { class: name }), words),
      h('td', { class: 'number' }, duration(time[name])),
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

export function factTables(tables: readonly Facts[]): HTMLElement {
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
