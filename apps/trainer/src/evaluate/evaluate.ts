/** Evaluation of runs or of the net of a weight file on a folder of images, with what it leaves: predictions, results kept. */
import { type FileHandle, open } from 'node:fs/promises';
import { VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import { concatenate, type ImageSource, spread } from '@vgg/data';
import { type DataSet, imageItems, type Layout, openSource } from '@vgg/data/node';
import { type Evaluation, evaluate, type Protocol, predictionLine } from '@vgg/eval';
import { locateImages, reportSkipped, splitOptions } from '../images/data-set';
import { describeData } from '../images/describe';
import { type Evaluated, loadRuns } from '../nets/evaluated';
import { GuessBook } from '../report/guesses';
import type { Terminal } from '../terminal/terminal';
import { withClassesOf } from './classes';
import { recordEvaluation } from './file';

export type Split = 'val' | 'train' | 'test' | 'all';

/** On what nets are evaluated, and how. */
export interface EvaluationRequest {
  /** A folder, or a public data set's name. Default: the first run's own images. */
  data?: string;
  split: Split;
  /** Layout of the images. Default: the run's own for its images, else recognised. */
  layout?: Layout | undefined;
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

/** Name of a part of a data set in results. */
const PART_NAMES = { val: 'validation', train: 'train', test: 'test', all: 'all' } as const;

/** The images of a part: without a validation part the test part is taken for it, or else all images. */
function part({ train, validation, test }: DataSet, split: Split, path: string): { part: Split; images: ImageSource } {
  if (split === 'all' && train !== undefined && validation !== undefined) {
    return { part: 'all', images: concatenate(train, validation) };
  }
  const wanted = { val: validation, all: validation ?? train, train, test }[split];
  if (wanted !== undefined) return { part: split, images: wanted };
  const others: [Split, ImageSource | undefined][] = [
    ['test', test],
    ['train', train],
  ];
  const [other, images] = others.find(([, source]) => source !== undefined) ?? [];
  if (split === 'train' || split === 'test' || other === undefined || images === undefined) {
    const missing = split === 'test' ? 'test' : 'training';
    throw new VggError('dataset', `${path} has no ${missing} images: evaluate it with --split val`);
  }
  return { part: other, images };
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
  const { part: used, images } = part(set, split, path);
  if (used !== split && (set.validation ?? set.test) !== undefined) {
    terminal.say(`${path} has no validation part: its ${PART_NAMES[used]} part is evaluated`);
  }
  const of = own ? PART_NAMES[used] : path;
  return { of, source: limit === undefined ? images : spread(images, limit) };
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
  const opened = await openImages(evaluated, request, terminal);
  const { of } = opened;
  const source = withClassesOf(evaluated, opened.source, terminal);
  const { classes } = source;
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
