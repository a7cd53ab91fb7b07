/** `runs`: lists, compares, renames, copies and removes runs. */

import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { formatDuration, VggError } from '@vgg/core';
import { fileError, systemReason } from '@vgg/core/node';
import { configurationText } from '@vgg/models';
import { SETTING_NAMES } from '@vgg/recipes';
import { shortInputText } from '../nets/net-text';
import { readRecord } from '../run/folder';
import { type ListedRun, listedRun, listRuns } from '../run/list';
import { print, table } from '../terminal/output';
import type { Terminal } from '../terminal/terminal';

export type RunsAction = 'list' | 'compare' | 'rename' | 'copy' | 'prune';

export interface RunsArguments {
  json: boolean;
  /** Remove the folders that `prune` lists. */
  yes: boolean;
}

function rowOf({ name, state, record, best, epochs, seconds }: ListedRun): string[] {
  const { net, recipe, images } = record;
  return [
    name,
    state,
    `${configurationText(net.configuration)}${net.batchNorm ? ' bn' : ''}, width ${net.width}, ${shortInputText(net)} px`,
    `${basename(recipe.data)} (${images.train})`,
    best === undefined ? '' : `${best.toFixed(2)} (${images.validation})`,
    `${epochs}/${recipe.epochs}`,
    formatDuration(seconds),
  ];
}

const HEADER = ['run', 'state', 'net', 'data (images)', 'best top-1 error % (images)', 'epochs', 'time'];

function jsonOf({ record, best, ...run }: ListedRun) {
  const { recipe, net, images, classes } = record;
  return { ...run, best: best ?? null, net, images, classes: classes.length, recipe };
}

async function showRuns(runs: readonly ListedRun[], json: boolean): Promise<void> {
  if (json) return print(JSON.stringify(runs.map(jsonOf), null, 2));
  await print(runs.length === 0 ? 'no runs' : table(HEADER, runs.map(rowOf), 4));
}

/** Lists the runs in a folder, and names those that cannot be read. */
async function list(folder: string, json: boolean, terminal: Terminal): Promise<void> {
  const { runs, unreadable } = await listRuns(folder);
  for (const reason of unreadable) terminal.warn(reason);
  await showRuns(runs, json);
}

/** Prints the settings in which runs differ, with their results. */
async function compare(runs: readonly ListedRun[], json: boolean): Promise<void> {
  if (json) return showRuns(runs, true);
  const value = ({ record }: ListedRun, name: (typeof SETTING_NAMES)[number]) =>
    String((record.recipe as Readonly<Record<string, unknown>>)[name] ?? '');
  const differing = SETTING_NAMES.filter((name) => new Set(runs.map((run) => value(run, name))).size > 1);
  const rows = [
    ...HEADER.slice(1).map((title, i) => [title, ...runs.map((run) => rowOf(run)[i + 1]!)]),
    ...differing.map((name) => [name, ...runs.map((run) => value(run, name))]),
  ];
  await print(table(['', ...runs.map(({ name }) => name)], rows, 1 + runs.length));
}

/** Renames or copies a run: a name without a folder is next to the run. */
async function move(action: 'rename' | 'copy', [from, to]: readonly string[]): Promise<void> {
  const source = resolve(from!);
  await readRecord(source);
  const target = basename(to!) === to ? join(dirname(source), to) : resolve(to!);
  if (existsSync(target)) throw new VggError('argument', `${target} exists: choose another name`);
  const { state } = await listedRun(source);
  if (state === 'training') throw new VggError('run', `a process trains in ${source}: wait for it or stop it`);
  try {
    if (action === 'rename') renameSync(source, target);
    else cpSync(source, target, { recursive: true, filter: (path) => basename(path) !== 'lock.json' });
  } catch (error) {
    // The part of a copy that was written cannot be used.
    if (action === 'copy') rmSync(target, { recursive: true, force: true });
    throw new VggError('io', `cannot ${action} ${source} to ${target}: ${systemReason(error)}`, { cause: error });
  }
  await print(target);
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true });
  } catch (error) {
    throw fileError('remove', path, error);
  }
}

/** Removes empty folders, runs that failed before their first checkpoint, and checkpoints of complete runs. */
async function prune(folder: string, { yes, json }: RunsArguments): Promise<void> {
  const { runs, empty } = await listRuns(folder);
  const failed = runs.filter(({ state }) => state === 'failed').map(({ path }) => path);
  const checkpoints = runs
    .filter(({ state }) => state === 'complete')
    .map(({ path }) => join(path, 'checkpoints'))
    .filter((path) => existsSync(path));
  const removed = [...empty, ...failed, ...checkpoints];
  if (yes) for (const path of removed) remove(path);
  if (json) return print(JSON.stringify({ removed: yes, empty, failed, checkpoints }, null, 2));
  if (removed.length === 0) return print('nothing to remove');
  await print(removed.join('\n'));
  if (!yes) await print('\nto remove these, add --yes; a run without checkpoints cannot be trained for longer');
}

const WORDS: Readonly<Record<RunsAction, string>> = {
  list: 'at most one folder',
  compare: 'two or more runs',
  rename: 'a run and its new name',
  copy: 'a run and the name of the copy',
  prune: 'at most one folder',
};

export async function runRuns(
  action: RunsAction,
  words: readonly string[],
  options: RunsArguments,
  terminal: Terminal,
): Promise<void> {
  const count = words.length;
  const fits = { list: count <= 1, prune: count <= 1, compare: count >= 2, rename: count === 2, copy: count === 2 };
  if (!fits[action]) throw new VggError('argument', `runs ${action} takes ${WORDS[action]}, got ${count} arguments`);
  if (action === 'list') return list(words[0] ?? 'runs', options.json, terminal);
  if (action === 'prune') return prune(words[0] ?? 'runs', options);
  if (action !== 'compare') return move(action, words);
  const runs: ListedRun[] = [];
  for (const path of words) runs.push(await listedRun(resolve(path)));
  await compare(runs, options.json);
}
