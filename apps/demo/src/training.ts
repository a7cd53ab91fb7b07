/** A run of a small net on drawn images. */
import { epochOrder } from '@vgg/data';
import { createVgg, heInitialiser, summarise, type VggOptions } from '@vgg/models';
import { cosine, MomentumSgd } from '@vgg/optim';
import { type FitResult, fit, type TrainEvent, validate } from '@vgg/train';
import { batchesOf, CLASSES, type DrawnImages, drawImages, SIDE } from './drawn-images';
import { runStore, type StoredRun } from './stored-run';

const NET = {
  configuration: [16, 'pool', 32, 'pool', 64, 'pool', 64, 'pool'],
  batchNorm: true,
  head: 'linear',
  inputSize: SIDE,
  classes: CLASSES.length,
} as const satisfies VggOptions;

const IMAGES = 960;
const VALIDATION = 120;
const BATCH = 24;
const EPOCHS = 8;
const RATE = 0.02;
const SEED = 1;
/** Number of steps from one checkpoint to the next. */
const SAVED = 10;

export const STEPS = EPOCHS * Math.ceil(IMAGES / BATCH);
export const SUMMARY = summarise(NET, { batch: BATCH });
/** Text of the net and the images. */
export const DESCRIPTION = {
  net: `${NET.configuration.filter((layer) => layer !== 'pool').length} convolutions with batch norm`,
  images: `${IMAGES} drawn, and ${VALIDATION} to validate`,
};

export interface Images {
  readonly training: DrawnImages;
  readonly validation: DrawnImages;
}

export function allImages(): Images {
  return { training: drawImages(0, IMAGES), validation: drawImages(IMAGES, VALIDATION) };
}

export interface RunOptions {
  readonly images: Images;
  /** Run to continue; an empty history and no checkpoint to begin. */
  readonly run: Pick<StoredRun, 'history'> & Partial<StoredRun>;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainEvent) => void;
  /** Called with the class scores of the validation images, [images, classes]. */
  readonly onScores: (scores: Float32Array) => void;
}

/** Trains on the engine in use until the run is complete or the signal is aborted, and stores the run. */
export async function train({ images, run, signal, onEvent, onScores }: RunOptions): Promise<FitResult> {
  const { training, validation } = images;
  const model = createVgg(NET, heInitialiser({ seed: SEED }));
  const optimiser = new MomentumSgd();
  const all = Array.from({ length: VALIDATION }, (_, i) => i);
  try {
    return await fit({
      model,
      batches: (epoch, start) => batchesOf(training, epochOrder(SEED, epoch, IMAGES).subarray(start * BATCH), BATCH),
      microBatch: BATCH,
      optimiser,
      schedule: cosine({ rate: RATE, steps: STEPS }),
      epochs: EPOCHS,
      seed: SEED,
      validate: (aborted) =>
        validate({
          model,
          batches: batchesOf(validation, all, VALIDATION),
          signal: aborted,
          onScores: (_, scores) => onScores(scores),
        }),
      checkpoints: { store: runStore(run.history), everySteps: SAVED },
      resume: run.checkpoint,
      signal,
      onEvent,
    });
  } finally {
    model.dispose();
    optimiser.dispose();
  }
}
