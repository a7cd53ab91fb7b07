/** Parts of the page about the run: its state, its time and its settings; and the header of a study. */
import { formatDuration } from '@vgg/core';
import type { Activity, Facts, Progressing, RankTime, ReportData, ResultRow, StudyData, TimeSpent } from '../data';
import { empty, figure, h, percent, section } from './dom';

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
    time.ranks !== undefined && h('p', {}, rankText(time.ranks, total)),
  );
}

/** Returns how long rank 0 of a job waited for the others, and for which of them. */
function rankText({ seconds, slowest }: RankTime, total: number): string {
  const share = `${formatDuration(seconds)} (${percent(seconds / total, 1)})`;
  const { rank } = slowest;
  return `In the steps, rank 0 waited ${share} for other ranks: ${percent(slowest.seconds / seconds, 0)} of it for rank ${rank}.`;
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
