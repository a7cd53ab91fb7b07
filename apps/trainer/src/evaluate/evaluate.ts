/** Evaluation of runs or of the net of a weight file on a folder of images, with what it leaves: predictions, results kept. */
import { type FileHandle, open } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { concatenate, type ImageSource, spread } from '@vgg/data';
import { type DataSet, imageItems, openSource } from '@vgg/data/node';
import { checkClasses, checkImageClasses, type Evaluation, evaluate, type Protocol, predictionLine } from '@vgg/eval';
import { IMAGENET_CLASSES } from '@vgg/weights';
import { locateImages, reportSkipped, splitOptions } from '../images/data-set';
import { type Evaluated, loadRuns } from '../nets/evaluated';
import { GuessBook } from '../report/guesses';
import type { Terminal } from '../terminal/terminal';
import { recordEvaluation } from './file';

export type Split = 'val' | 'train' | 'all';

/** On what nets are evaluated, and how. */
export interface EvaluationRequest {
  /** A folder, or a public data set's name. Default: the first run's own images. */
  data?: string;
  split: Split;
  protocols: readonly Protocol[];
  /** Default: the nets' own. */
  scales?: readonly number[];
  limit?: number;
  /** A file for every image's likeliest classes. */
  predictions?: string;
  strict: boolean;
  /** Ends it between two forward passes: `evaluateNets` then throws what it was raised with. */
  signal?: AbortSignal;
}

/** The images asked for: of a data set with parts, one part; one without a validation part is taken whole for it. */
function part({ train, validation }: DataSet, split: Split, path: string): ImageSource {
  if (split === 'all' && train !== undefined && validation !== undefined) return concatenate(train, validation);
  const chosen = split === 'train' ? train : (validation ?? train);
  if (chosen === undefined)
    throw new VggError('dataset', `${path} has no training images: evaluate it with --split val`);
  return chosen;
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

/** The images of a request; the run's own data set is split as the run split it, any other is used whole. */
async function openImages({ runs }: Evaluated, { data, split, limit }: EvaluationRequest, terminal: Terminal) {
  const recipe = runs[0]?.record.recipe;
  const path = data === undefined ? recipe?.data : await locateImages(data, terminal);
  if (path === undefined) throw new VggError('argument', 'a weight file has no images of its own: add --data DIR');
  const own = path === recipe?.data;
  const set = await openSource(path, own ? splitOptions(recipe!.valFraction, recipe!.seed) : {});
  const whole = part(set, split, path);
  const of = own ? (split === 'val' ? 'validation' : split) : path;
  return { classes: set.classes, of, source: limit === undefined ? whole : spread(whole, limit) };
}

/** Checks that fused runs and the images have the same classes; warns if only their number can be compared. */
function checkAllClasses({ name, classes, runs }: Evaluated, images: readonly string[], terminal: Terminal): void {
  const first = { name, classes };
  const folders = { name: 'the data set', classes: images };
  for (const { path, record } of runs.slice(1)) checkClasses(first, { name: path, classes: record.classes });
  if (runs.length > 0) {
    checkClasses(first, folders);
    return;
  }
  const assumption = checkImageClasses(first, folders, IMAGENET_CLASSES);
  if (assumption !== undefined) terminal.warn(assumption);
}

/**
 * Evaluates nets on images; what one run alone got wrong is kept in its folder.
 * @throws VggError `VGG_DATASET` for images of other classes than the nets', what `evaluate` throws.
 */
export async function evaluateNets(
  evaluated: Evaluated,
  request: EvaluationRequest,
  terminal: Terminal,
): Promise<Evaluation> {
  const { nets, runs } = evaluated;
  const { protocols, scales = evaluated.scales } = request;
  const { classes, source, of } = await openImages(evaluated, request, terminal);
  checkAllClasses(evaluated, classes, terminal);
  terminal.say(
    `evaluating ${nets.length === 1 ? 'one net' : `${nets.length} nets`} on ${source.length} images, ` +
      `Q = ${scales.join(', ')}, ${protocols.join(', ')}`,
  );
  const predictions = await openPredictions(request.predictions);
  // What the report shows of single images is of the last, most thorough protocol.
  const book = new GuessBook(protocols.at(-1)!, classes.length);
  const views = viewsPerImage(protocols, scales.length, nets.length);
  const progress = terminal.progress('evaluation', source.length * views, 'views');
  try {
    const evaluation = await evaluate({
      ...{ nets, images: imageItems(source), protocols, scales, strict: request.strict },
      ...(request.signal && { signal: request.signal }),
      onEvent: async (event) => {
        if (event.type === 'progress') progress.update(event.views + event.skipped * views);
        if (event.type !== 'prediction') return;
        const { key, label, protocol, classes: guessed, probabilities } = event.prediction;
        if (label !== null && protocol === protocols.at(-1)) {
          book.add({ key, label, predicted: guessed[0]!, probability: probabilities[0]! });
        }
        await predictions?.appendFile(predictionLine(event.prediction, classes)).catch((error: unknown) => {
          const why = systemReason(error);
          throw new VggError('io', `cannot write --predictions ${request.predictions}: ${why}`, { cause: error });
        });
      },
    });
    progress.end();
    reportSkipped(evaluation.skipped, terminal);
    const [run] = runs;
    if (run !== undefined && nets.length === 1) {
      await recordEvaluation(run.path, evaluation, book.guesses, of).catch((error: unknown) => {
        terminal.warn(`the results are not kept in ${run.path}: ${systemReason(error)}`);
      });
    }
    return evaluation;
  } finally {
    progress.end();
    await predictions?.close();
  }
}

/** Evaluates runs, alone and fused, as {@link evaluateNets}. */
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
