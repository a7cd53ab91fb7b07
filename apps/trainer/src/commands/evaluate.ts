/** `evaluate`: the error of runs, alone and fused, under the protocols of section 3.2. */
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { didYouMean, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { ImageSource } from '@vgg/data';
import { type DataSet, imageItems, openSource } from '@vgg/data/node';
import {
  type EvaluatedNet,
  type Evaluation,
  type EvaluationRow,
  evaluate,
  PROTOCOLS,
  type Protocol,
  predictionLine,
  scalesFor,
} from '@vgg/eval';
import { locateImages, reportSkipped, splitOptions, spread } from '../data-set';
import { describeEngine, type EngineName, startEngine } from '../engine';
import { print, table } from '../output';
import { recordEvaluation } from '../report/evaluation-file';
import { GuessBook } from '../report/guesses';
import { type LoadedRun, loadRun } from '../run-folder';
import { createTerminal, type Terminal } from '../terminal';

export type Split = 'val' | 'train' | 'all';

export interface EvaluateArguments {
  run: readonly string[];
  data?: string;
  split: Split;
  protocol: Protocol | 'all';
  scales?: readonly number[];
  limit?: number;
  predictions?: string;
  engine: EngineName | 'auto';
  strict: boolean;
  json: boolean;
  quiet: boolean;
}

export interface EvaluationRequest {
  runs: readonly string[];
  data?: string;
  split: Split;
  protocols: readonly Protocol[];
  scales?: readonly number[];
  limit?: number;
  predictions?: string;
  strict: boolean;
}

/** The images asked for: of a data set with parts, one part; one without a validation part is taken whole for it. */
function part({ train, validation }: DataSet, split: Split, path: string): ImageSource {
  if (split === 'all' && train !== undefined && validation !== undefined) return concatenated(train, validation);
  const chosen = split === 'train' ? train : (validation ?? train);
  if (chosen === undefined)
    throw new VggError('dataset', `${path} has no training images: evaluate it with --split val`);
  return chosen;
}

function concatenated(first: ImageSource, second: ImageSource): ImageSource {
  const at =
    <T>(read: (source: ImageSource, index: number) => T) =>
    (index: number) =>
      index < first.length ? read(first, index) : read(second, index - first.length);
  return {
    name: first.name,
    classes: first.classes,
    length: first.length + second.length,
    label: at((source, index) => source.label(index)),
    key: at((source, index) => source.key(index)),
    location: at((source, index) => source.location(index)),
  };
}

/** Nets can be fused, and evaluated on images, only if all mean the same by a class. */
function checkClasses(runs: readonly LoadedRun[], classes: readonly string[] | undefined): void {
  const [first, ...others] = runs;
  const expected = first!.record.classes;
  const rivals = [
    ...others.map(({ path, record }) => ({ name: path, classes: record.classes })),
    ...(classes === undefined ? [] : [{ name: 'the data set', classes }]),
  ];
  for (const rival of rivals) {
    if (rival.classes.length !== expected.length) {
      throw new VggError(
        'dataset',
        `${first!.path} has ${expected.length} classes, ${rival.name} has ${rival.classes.length}: they must be the same`,
      );
    }
    const differing = expected.findIndex((name, i) => rival.classes[i] !== name);
    if (differing >= 0) {
      const theirs = rival.classes[differing]!;
      throw new VggError(
        'dataset',
        `class ${differing} of ${first!.path} is ${expected[differing]}, of ${rival.name} it is ${theirs}` +
          `${didYouMean(theirs, expected)}: they must be the same, in the same order`,
      );
    }
  }
}

/** What results call each net: its run folder. */
export function evaluatedNets(runs: readonly LoadedRun[]): EvaluatedNet[] {
  return runs.map(({ path, record, model }) => ({ name: path, model, mean: record.transform.mean }));
}

/** Loads runs, one after the other. The caller disposes their models. */
export async function loadRuns(paths: readonly string[]): Promise<LoadedRun[]> {
  const runs: LoadedRun[] = [];
  try {
    for (const path of new Set(paths)) runs.push(await loadRun(path));
    return runs;
  } catch (error) {
    for (const { model } of runs) model.dispose();
    throw error;
  }
}

/** The paper's multi-scale set for the first run's training scale. */
export function defaultScales([run]: readonly LoadedRun[]): readonly number[] {
  const { scale, crop } = run!.record.transform;
  return scalesFor(scale, 'multi', crop);
}

/** Forward passes that one image takes, in crops and whole images: what progress counts. */
function viewsPerImage(protocols: readonly Protocol[], scales: number, nets: number): number {
  const has = (...names: Protocol[]) => names.some((name) => protocols.includes(name));
  const views = Number(has('single')) + 2 * Number(has('dense', 'both')) + 50 * Number(has('multi-crop', 'both'));
  return views * scales * nets;
}

/**
 * Opens the file of predictions, before anything costly is computed.
 * @throws VggError `VGG_ARGUMENT` when it cannot be written.
 */
async function openPredictions(path: string | undefined): Promise<FileHandle | undefined> {
  if (path === undefined) return undefined;
  try {
    return await open(path, 'w');
  } catch (error) {
    throw new VggError('argument', `cannot write --predictions ${path}: ${systemReason(error)}`, { cause: error });
  }
}

/** Evaluates runs on a data set. */
export async function evaluateRuns(request: EvaluationRequest, terminal: Terminal): Promise<Evaluation> {
  const runs = await loadRuns(request.runs);
  let predictions: FileHandle | undefined;
  try {
    const { recipe } = runs[0]!.record;
    const path = request.data === undefined ? recipe.data : await locateImages(request.data, terminal);
    // The run's own data set is split as the run split it; any other is used whole.
    const split = path === recipe.data ? splitOptions(recipe.valFraction, recipe.seed) : {};
    const data = await openSource(path, split);
    checkClasses(runs, data.classes);
    const whole = part(data, request.split, path);
    const source = request.limit === undefined ? whole : spread(whole, request.limit);
    const scales = request.scales ?? defaultScales(runs);
    terminal.say(
      `evaluating ${runs.length === 1 ? 'one net' : `${runs.length} nets`} on ${source.length} images, ` +
        `Q = ${scales.join(', ')}, ${request.protocols.join(', ')}`,
    );
    predictions = await openPredictions(request.predictions);
    // What the report shows of single images is of the last, most thorough protocol.
    const book = new GuessBook(request.protocols.at(-1)!, data.classes.length);
    const views = viewsPerImage(request.protocols, scales.length, runs.length);
    const progress = terminal.progress('evaluation', source.length * views, 'views');
    try {
      const evaluation = await evaluate({
        nets: evaluatedNets(runs),
        images: imageItems(source),
        protocols: request.protocols,
        scales,
        strict: request.strict,
        onEvent: async (event) => {
          if (event.type === 'progress') progress.update(event.views + event.skipped * views);
          if (event.type !== 'prediction') return;
          const { key, label, protocol, classes, probabilities } = event.prediction;
          if (label !== null && protocol === request.protocols.at(-1)) {
            book.add({ key, label, predicted: classes[0]!, probability: probabilities[0]! });
          }
          if (predictions === undefined) return;
          await predictions.appendFile(predictionLine(event.prediction, data.classes)).catch((error: unknown) => {
            const why = systemReason(error);
            throw new VggError('io', `cannot write --predictions ${request.predictions}: ${why}`, { cause: error });
          });
        },
      });
      progress.end();
      reportSkipped(evaluation.skipped, terminal);
      if (runs.length === 1) {
        const of = path === recipe.data ? (request.split === 'val' ? 'validation' : request.split) : path;
        await recordEvaluation(runs[0]!.path, evaluation, book.guesses, of).catch((error: unknown) => {
          terminal.warn(`the results are not kept in ${runs[0]!.path}: ${systemReason(error)}`);
        });
      }
      return evaluation;
    } finally {
      progress.end();
    }
  } finally {
    await predictions?.close();
    for (const { model } of runs) model.dispose();
  }
}

function figure(error: number | null): string {
  return error === null ? '' : error.toFixed(2);
}

function tableRow({ nets, protocol, scales, top1Error, top5Error }: EvaluationRow, fused: boolean): string[] {
  const name = nets.length > 1 ? `fusion of ${nets.length}` : nets[0]!.split('/').at(-1)!;
  return [...(fused ? [name] : []), protocol, scales.join(', '), figure(top1Error), figure(top5Error)];
}

/** The paper's kind of table (section 4): a row for each net, protocol and scale set. */
export async function printEvaluation(evaluation: Evaluation): Promise<void> {
  const fused = evaluation.rows.some(({ nets }) => nets.length > 1);
  const header = [...(fused ? ['net'] : []), 'protocol', 'Q', 'top-1 error %', `top-${evaluation.k} error %`];
  const rows = evaluation.rows.map((row) => tableRow(row, fused));
  await print(table(header, rows, fused ? 2 : 1));
  const { images, skipped } = evaluation;
  await print(`\n${images} images${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
}

/** The confusion matrix as `[label, predicted, images]` where there are any: most of a million pairs have none. */
function sparse(confusion: Uint32Array, { perClass }: EvaluationRow): number[][] {
  const classes = perClass.length;
  return [...confusion.entries()]
    .filter(([, images]) => images > 0)
    .map(([pair, images]) => [Math.floor(pair / classes), pair % classes, images]);
}

export async function evaluateCommand(options: EvaluateArguments): Promise<void> {
  const terminal = createTerminal({ stream: process.stderr, quiet: options.quiet });
  const { run, protocol, json, engine, quiet: _quiet, ...rest } = options;
  terminal.say(describeEngine(await startEngine(engine)));
  const request = {
    ...rest,
    runs: run.map((path) => resolve(path)),
    protocols: protocol === 'all' ? PROTOCOLS : [protocol],
  };
  const evaluation = await evaluateRuns(request, terminal);
  if (!json) return printEvaluation(evaluation);
  const rows = evaluation.rows.map((row) => ({ ...row, confusion: row.confusion && sparse(row.confusion, row) }));
  await print(JSON.stringify({ ...evaluation, rows }, null, 2));
}
