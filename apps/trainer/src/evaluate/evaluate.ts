/** Evaluates runs, or the net of a weight file, on a folder of images. Writes predictions, and keeps the results of runs. */
import { type FileHandle, open } from 'node:fs/promises';
import { type Communicator, singleProcess, VggError } from '@vgg/core';
import { systemReason } from '@vgg/core/node';
import type { ImageSource } from '@vgg/data';
import { imageItems, type Layout } from '@vgg/data/node';
import { type Evaluation, type EvaluationEvent, evaluate, type Protocol, predictionLine } from '@vgg/eval';
import { GuessBook, recordEvaluation } from '@vgg/report';
import { requireSameSettings } from '@vgg/train';
import { weightsHash } from '@vgg/train/node';
import { reportSkipped } from '../images/data-set';
import { afterFirst } from '../job/job';
import { hashOfNames } from '../run/images';
import type { Terminal } from '../terminal/terminal';
import { withClassesOf } from './classes';
import { type EvaluatedImages, openImages } from './images';
import { type Evaluated, loadRuns, withScales } from './nets';

/** Results with the images that they are of. */
export interface DataEvaluation extends Evaluation {
  /** Path of the data set. */
  readonly data: string;
  /** Part of the data set: `validation`, `train`, `test` or `all`. */
  readonly part: string;
}

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
  /** Largest number of pixels of a rescaled image. Default 2^23. */
  maxPixels?: number | undefined;
  strict: boolean;
  /** Processes that evaluate together; rank 0 alone writes. Default this one alone. */
  job?: Communicator | undefined;
  /** The images, if they are open already. Default those that the request names. */
  images?: EvaluatedImages | undefined;
  /** Engine in words, which the processes of a job must have in common. */
  engine?: string | undefined;
  /** Aborts between two forward passes: `evaluateNets` then throws the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** Returns the number of views of one image, crops and whole images, which is the unit of progress. */
function viewsPerImage(protocols: readonly Protocol[], scales: number): number {
  const has = (...names: Protocol[]) => names.some((name) => protocols.includes(name));
  const views = Number(has('single')) + 2 * Number(has('dense', 'both')) + 50 * Number(has('multi-crop', 'both'));
  return views * scales;
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

/** Checks that all processes of a job have the same nets and images. */
async function requireSameWork(
  job: Communicator,
  { nets, engine }: { nets: Evaluated['nets']; engine: string | undefined },
  source: ImageSource,
): Promise<void> {
  if (job.size === 1) return;
  const weights: string[] = [];
  for (const { model } of nets) weights.push((await weightsHash(model)).slice(0, 16));
  const names = hashOfNames([source]);
  await requireSameSettings(job, {
    engine,
    weights,
    classes: source.classes,
    images: source.length,
    'names of images': names,
  });
}

/** The most likely classes of images by one run alone, for its report: by the last protocol, the most thorough one. */
class RunBook {
  readonly #net: string;
  readonly #protocol: Protocol;
  readonly #scales: readonly number[];
  readonly #book: GuessBook;

  constructor(net: string, protocol: Protocol, scales: readonly number[], classes: number) {
    this.#net = net;
    this.#protocol = protocol;
    this.#scales = scales;
    this.#book = new GuessBook(protocol, classes);
  }

  add({ key, label, posteriors }: Extract<EvaluationEvent, { type: 'scored' }>): void {
    if (label === null) return;
    const posterior = posteriors.combine([this.#net], this.#protocol, this.#scales);
    const predicted = posterior.reduce((best, value, i) => (value > posterior[best]! ? i : best), 0);
    this.#book.add({ key, label, predicted, probability: posterior[predicted]! });
  }

  /** Keeps the results of the run in its folder. Says if larger results were kept instead. */
  async save(path: string, evaluation: Evaluation, of: string, terminal: Terminal): Promise<void> {
    const rows = evaluation.rows.filter(({ nets }) => nets.length === 1 && nets[0] === this.#net);
    const own = { ...evaluation, rows };
    const larger = await recordEvaluation(path, own, this.#book.guesses, of).catch((error: unknown) => {
      terminal.warn(`the results could not be saved in ${path}: ${systemReason(error)}`);
      return undefined;
    });
    if (larger === undefined) return;
    terminal.say(`${path} keeps its results on ${larger} images: those on ${evaluation.images} do not replace them`);
  }
}

/**
 * Evaluates nets on images. The results of each run are kept in its folder; those of other runs than the first only if they were
 * trained on the same data.
 *
 * @throws VggError `VGG_DATASET` if the images have a class that the nets do not have, and the errors of `evaluate`.
 */
export async function evaluateNets(
  evaluated: Evaluated,
  request: EvaluationRequest,
  terminal: Terminal,
): Promise<DataEvaluation> {
  const { runs } = evaluated;
  const { protocols, scales = evaluated.scales, job = singleProcess } = request;
  const nets = withScales(evaluated.nets, request.scales);
  const testScales = nets.map((net) => net.scales ?? scales);
  const opened = request.images ?? (await afterFirst(job, () => openImages(evaluated, request, terminal)));
  const source = withClassesOf(evaluated, opened.source, terminal);
  const { classes } = source;
  await requireSameWork(job, { nets, engine: request.engine }, source);
  terminal.say(
    `evaluating ${nets.length === 1 ? 'one net' : `${nets.length} nets`} on ${source.length} images, ` +
      `Q = ${[...new Set(testScales.map((own) => own.join(', ')))].join(' and ')}, ${protocols.join(', ')}${job.size === 1 ? '' : `, by ${job.size} ranks`}`,
  );
  const predictions = await openPredictions(job.rank === 0 ? request.predictions : undefined);
  const [first] = runs;
  const books = runs.map(({ path }, i) => new RunBook(path, protocols.at(-1)!, testScales[i]!, classes.length));
  const views = viewsPerImage(protocols, testScales.flat().length);
  const progress = terminal.progress('evaluation', source.length * views, 'views');
  try {
    const evaluation = await evaluate({
      nets,
      images: imageItems(source),
      communicator: job,
      protocols,
      scales,
      strict: request.strict,
      maxImagePixels: request.maxPixels,
      signal: request.signal,
      onEvent: async (event) => {
        if (event.type === 'progress') progress.update(event.views + event.skipped * views);
        if (event.type === 'scored') for (const book of books) book.add(event);
        if (event.type !== 'prediction') return;
        await predictions?.appendFile(predictionLine(event.prediction, classes)).catch((error: unknown) => {
          const reason = systemReason(error);
          throw new VggError('io', `cannot write --predictions ${request.predictions}: ${reason}`, { cause: error });
        });
      },
    });
    progress.end();
    reportSkipped(evaluation.skipped, terminal);
    for (const [i, { path, record }] of runs.entries()) {
      if (job.rank > 0 || record.recipe.data !== first!.record.recipe.data) continue;
      await books[i]!.save(path, evaluation, opened.of, terminal);
    }
    return { ...evaluation, data: opened.data, part: opened.part };
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
