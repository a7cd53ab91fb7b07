/** Training of localisation nets (appendix A.1): a run folder with checkpoints, metrics and the best weights. */
import { join } from 'node:path';
import { VggError } from '@vgg/core';
import type { EvaluationTransform, SkippedImage, TrainTransform } from '@vgg/data';
import { createBatches, createEvaluationBatches } from '@vgg/data/node';
import { type ClassifyingNet, scalesFor } from '@vgg/eval';
import { type FreezableName, normalInitialiser, type Vgg } from '@vgg/models';
import { type FitOptions, type FitResult, fit, restoreCheckpoint, validate } from '@vgg/train';
import type { RunFolder } from '@vgg/train/node';
import { loadModel, saveModel } from '@vgg/weights/node';
import { withBoxes } from '../batches';
import { createLocaliser, outputNames } from '../localiser';
import { boxLoss } from '../loss';
import type { LocalisationNet } from '../predictions';
import { outputsOf, REGRESSIONS, type Regression } from '../regression';
import type { BoxSource } from '../source';
import { withClasses } from './classes';

type Passed =
  | 'optimiser'
  | 'epochs'
  | 'seed'
  | 'microBatch'
  | 'clipNorm'
  | 'averageDecay'
  | 'earlyStop'
  | 'signal'
  | 'onEvent';

/** Options of {@link trainBoxes}; those of `fit` are passed to it. */
export interface TrainBoxesOptions extends Pick<FitOptions, Passed | 'validateEvery' | 'maxSteps'> {
  /** Classification net from which the layers are copied, as `loadNet` of `@vgg/weights` returns it. */
  readonly classifier: ClassifyingNet & { readonly model: Vgg };
  /** Training images; their classes are matched with those of the classifier by name. */
  readonly train: BoxSource;
  /** Validation images. Default none: the metric is then that of training. */
  readonly validation?: BoxSource | undefined;
  /** Default `per-class`. */
  readonly regression?: Regression | undefined;
  /** Layers that are not trained; `features` for the fully-connected layers alone. Default none. */
  readonly freeze?: readonly string[] | undefined;
  /**
   * Crop, scale and augmentation of the training images; their values are normalised as the classifier's. Operations that distort
   * images (TrivialAugment) are refused.
   */
  readonly transform: TrainTransform;
  /** Number of images in a batch. */
  readonly batch: number;
  /** Returns the schedule for so many steps in an epoch. */
  readonly schedule: (epochSteps: number) => FitOptions['schedule'];
  /** Open folder of the run. Training continues from its newest checkpoint, if it has one. The caller closes it. */
  readonly run: RunFolder;
  /** Number of worker threads that prepare images. Default as `createBatches`. */
  readonly workers?: number | undefined;
  /** True to fail at the first unusable image. Default false. */
  readonly strict?: boolean | undefined;
  /** Steps between checkpoints, in addition to those after each epoch. Default none. */
  readonly checkpointEvery?: number | undefined;
}

/** File of the weights in a run folder. */
export const BOX_MODEL = 'model.safetensors';

/** Key of the kind of regression and the class names in the metadata of a weight file. */
const BOXES = 'vgg.boxes';

/** Returns the preparation of validation images: one centre crop at the Q of section 3.2 for the training scale. */
function evaluationOf({
  crop,
  scale,
  mean,
  std,
  range,
  channels,
  resize,
  interpolation,
}: TrainTransform): EvaluationTransform {
  const [own] = scalesFor(scale, 'single', crop);
  return { crop, scale: own!, mean, std, range, channels, resize, interpolation };
}

/**
 * Trains a localisation net and saves the weights of its best epoch in the run folder, unless the run was interrupted. The metric
 * is the localisation error of the true class by one centre crop (Table 8).
 * @returns the result of `fit`, the net, which the caller disposes, and the images that could not be used.
 * @throws VggError `VGG_DATASET` for a class that the classifier does not have, `VGG_ARGUMENT` for a transform that distorts images,
 *   and those of `fit`.
 */
export async function trainBoxes(
  options: TrainBoxesOptions,
): Promise<{ result: FitResult; model: Vgg; skipped: readonly SkippedImage[] }> {
  const { classifier, regression = 'per-class', freeze = [], batch, ...others } = options;
  const { classes } = classifier;
  const train = withClasses(options.train, classes);
  const validation = options.validation && withClasses(options.validation, classes);
  const { run, workers, strict, schedule, checkpointEvery, optimiser, signal, onEvent } = others;
  const { epochs, maxSteps, validateEvery, seed, microBatch, clipNorm, averageDecay, earlyStop } = others;
  const { model: trained } = classifier;
  if (classifier.transform === undefined) {
    throw new VggError('argument', 'nothing says how the classifier takes its images: load it with its preprocessing');
  }
  const { mean, std, range, channels, resize, interpolation } = classifier.transform;
  const transform = { ...options.transform, mean, std, range, channels, resize, interpolation };
  if (transform.trivialAugment) {
    throw new VggError('argument', 'TrivialAugment distorts images, and boxes do not follow: leave it out');
  }
  const evaluation = evaluationOf(transform);
  const training = createBatches(train, { transform, batchSize: batch, seed, workers, strict });
  const validating =
    validation &&
    createEvaluationBatches(validation, { transform: evaluation, batchSize: microBatch, workers, strict });
  const model = createLocaliser(trained, { regression, initialiser: normalInitialiser({ seed }) });
  const loss = boxLoss();
  try {
    model.freeze(...(freeze as readonly FreezableName[]));
    const resume = await run.checkpoints.newest();
    const log = run.record(resume);
    const result = await fit({
      optimiser,
      epochs,
      maxSteps,
      validateEvery,
      seed,
      microBatch,
      clipNorm,
      averageDecay,
      earlyStop,
      signal,
      model,
      loss,
      schedule: schedule(training.batchesPerEpoch),
      resume,
      checkpoints: { store: log.store, everySteps: checkpointEvery },
      batches: (epoch, start) =>
        withBoxes(training.epoch(epoch, start), { source: train, regression, transform, seed }),
      validate:
        validating &&
        ((signal) =>
          validate({
            model,
            loss,
            batches: withBoxes(validating.epoch(0), { source: validation!, regression, transform: evaluation }),
            signal,
          })),
      onEvent: (event) => {
        log.onEvent(event);
        onEvent?.(event);
      },
    });
    if (result.reason !== 'interrupted') {
      const best = await run.checkpoints.best();
      if (best !== undefined) restoreCheckpoint(best, model);
      await saveModel(join(run.path, BOX_MODEL), model, {
        classes: outputNames(regression, classes),
        preprocessing: training.preprocessing,
        metadata: { [BOXES]: JSON.stringify({ regression, classes }) },
      });
    }
    return { result, model, skipped: [...training.skipped, ...(validating?.skipped ?? [])] };
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    await Promise.all([training.close(), validating?.close()]);
  }
}

/** Localisation net of a file. The caller disposes `model`. */
export interface SavedLocaliser extends LocalisationNet {
  readonly model: Vgg;
  readonly transform: ClassifyingNet['transform'];
  readonly regression: Regression;
  /** Names of the classes whose boxes it predicts. */
  readonly classes: readonly string[];
}

/**
 * Loads the net that {@link trainBoxes} has saved.
 * @throws VggError `VGG_WEIGHTS` for a file of another net, and the errors of `loadModel`.
 */
export async function loadLocaliser(path: string): Promise<SavedLocaliser> {
  const { model, transform, metadata } = await loadModel(path);
  try {
    const { regression, classes } = JSON.parse(metadata[BOXES] ?? '{}') as Partial<SavedLocaliser>;
    const kind = REGRESSIONS.find((one) => one === regression);
    if (kind === undefined || !Array.isArray(classes)) throw new Error('no boxes');
    if (outputsOf(kind, classes.length) !== model.options.classes) throw new Error('other outputs');
    return { model, transform, regression: kind, classes };
  } catch (cause) {
    model.dispose();
    throw new VggError('weights', `${path} is not a localisation net: train one with trainBoxes`, { cause });
  }
}
