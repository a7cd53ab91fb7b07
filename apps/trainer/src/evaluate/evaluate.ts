/** Evaluates runs, or the net of a weight file, on a folder of images. Writes predictions, and keeps the results of a run. */
import { type FileHandle, open } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { concatenate, type ImageSource, spread } from '@vgg/data';
import { type DataSet, imageItems, type Layout, openSource } from '@vgg/data/node';
import { type Evaluation, evaluate, type Protocol, predictionLine } from '@vgg/eval';
import { GuessBook, recordEvaluation } from '@vgg/report';
import { locateImages, reportSkipped, splitOptions } from '../images/data-set';
import { describeData } from '../images/describe';
import type { Terminal } from '../terminal/terminal';
import { withClassesOf } from './classes';
import { type Evaluated, loadRuns } from './nets';

export type Split = 'val' | 'train' | 'test' | 'all';

/** Images and options of an evaluation. */
export interface EvaluationRequest {
  /** Folder, or name of a public data set. Default the first run's own images. */
  data?: string | undefined;
  split: Split;
  /** Layout of the images. Default that of the run for its own images; recognised for others. */
  layout?: Layout | undefined;
  protocols: readonly Protocol[];
  /** Default the nets' own. */
  scales?: readonly number[] | undefined;
  /** Largest number of images. Default all. */
  limit?: number | undefined;
  /** File for the most likely classes of each image. */
  predictions?: string | undefined;
  strict: boolean;
  /** Aborts between two forward passes: `evaluateNets` then throws the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** Name of a part of a data set in results. */
const PART_NAMES = { val: 'validation', train: 'train', test: 'test', all: 'all' } as const;

/** Returns a part of a data set. Without a validation part, the test part is used in its place, or else all images. */
function partOf(
  { train, validation, test }: DataSet,
  split: Split,
  path: string,
): { part: Split; images: ImageSource } {
  if (split === 'all' && train !== undefined && validation !== undefined) {
    return { part: 'all', images: concatenate(train, validation) };
  }
  const images = { val: validation, all: validation ?? train, train, test }[split];
  if (images !== undefined) return { part: split, images };
  if (split === 'val' || split === 'all') {
    if (test !== undefined) return { part: 'test', images: test };
    if (train !== undefined) return { part: 'train', images: train };
  }
  const missing = split === 'test' ? 'test' : 'training';
  throw new VggError('dataset', `${path} has no ${missing} images: evaluate it with --split val`);
}

/** Returns the number of views of one image, crops and whole images, which is the unit of progress. */
function viewsPerImage(protocols: readonly Protocol[], scales: number, nets: number): number {
  const has = (...names: Protocol[]) => names.some((name) => protocols.includes(name));
  const views = Number(has('single')) + 2 * Number(has('dense', 'both')) + 50 * Number(has('multi-crop', 'both'));
  return views * scales * nets;
}

/**
 * Opens the file of predictions, before the evaluation starts.
 *
 * @throws VggError `VGG_ARGUMENT` if it cannot be written.
 */
async function openPredictions(path: string | undefined): Promise<FileHandle | undefined> {
  if (path === undefined) return undefined;
  try {
    return await open(path, 'w');
  } catch (error) {
    throw new VggError('argument', `cannot write --predictions ${path}: ${systemReason(error)}`, { cause: error });
  }
}

/** Opens the images of a request. The run's own data set is split as in training, any other is used whole. */
async function openImages({ runs }: Evaluated, request: EvaluationRequest, terminal: Terminal) {
  const { data, split, limit } = request;
  const recipe = runs[0]?.record.recipe;
  const path = data === undefined ? recipe?.data : await locateImages(data, terminal);
  if (path === undefined) throw new VggError('argument', 'a weight file has no images of its own: add --data DIR');
  const own = path === recipe?.data;
  const layout = request.layout ?? (own ? recipe!.layout : undefined);
  const splitting = own ? splitOptions(recipe!.valFraction, recipe!.seed) : {};
  const set = await openSource(path, { ...splitting, layout, allowEmptyClasses: !own });
  if (!own) describeData(set, terminal);
  const { part, images } = partOf(set, split, path);
  if (part !== split && (part === 'test' || set.test !== undefined)) {
    terminal.say(`${path} has no validation part: its ${PART_NAMES[part]} part is evaluated`);
  }
  const of = own ? PART_NAMES[part] : path;
  return { of, source: limit === undefined ? images : spread(images, limit) };
}

/**
 * Evaluates nets on images. The results of a single run are kept in its folder.
 *
 * @throws VggError `VGG_DATASET` if the images have a class that the nets do not have, and the errors of `evaluate`.
 */
export async function evaluateNets(
  evaluated: Evaluated,
  request: EvaluationRequest,
  terminal: Terminal,
): Promise<Evaluation> {
  const { nets, runs } = evaluated;
  const { protocols, scales = evaluated.scales } = request;
  const opened = await openImages(evaluated, request, terminal);
  const source = withClassesOf(evaluated, opened.source, terminal);
  const { classes } = source;
  terminal.say(
    `evaluating ${nets.length === 1 ? 'one net' : `${nets.length} nets`} on ${source.length} images, ` +
      `Q = ${scales.join(', ')}, ${protocols.join(', ')}`,
  );
  const predictions = await openPredictions(request.predictions);
  // The report shows predictions of the last protocol, the most thorough one.
  const book = new GuessBook(protocols.at(-1)!, classes.length);
  const views = viewsPerImage(protocols, scales.length, nets.length);
  const progress = terminal.progress('evaluation', source.length * views, 'views');
  try {
    const evaluation = await evaluate({
      nets,
      images: imageItems(source),
      protocols,
      scales,
      strict: request.strict,
      signal: request.signal,
      onEvent: async (event) => {
        if (event.type === 'progress') progress.update(event.views + event.skipped * views);
        if (event.type !== 'prediction') return;
        const { key, label, protocol, classes: likely, probabilities } = event.prediction;
        if (label !== null && protocol === protocols.at(-1)) {
          book.add({ key, label, predicted: likely[0]!, probability: probabilities[0]! });
        }
        await predictions?.appendFile(predictionLine(event.prediction, classes)).catch((error: unknown) => {
          const reason = systemReason(error);
          throw new VggError('io', `cannot write --predictions ${request.predictions}: ${reason}`, { cause: error });
        });
      },
    });
    progress.end();
    reportSkipped(evaluation.skipped, terminal);
    const [run] = runs;
    if (run !== undefined && nets.length === 1) {
      await recordEvaluation(run.path, evaluation, book.guesses, opened.of).catch((error: unknown) => {
        terminal.warn(`the results could not be saved in ${run.path}: ${systemReason(error)}`);
      });
    }
    return evaluation;
  } finally {
    progress.end();
    await predictions?.close();
  }
}

/** Evaluates runs, alone and fused: see {@link evaluateNets}. */
export async function evaluateRuns(
  paths: readonly string[],
  request: EvaluationRequest,
  terminal: Terminal,
): Promise<Evaluation> {
  const evaluated = await loadRuns(paths);
  try {
    return await evaluateNets(evaluated, request, terminal);
  } finally {
    evaluated.dispose();
  }
}
