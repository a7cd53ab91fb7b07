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
  /** Returns the images of the visitor, of any class. */
  readonly ownImages: () => DrawnImages;
  readonly onAnswers: (answers: Answers) => void;
}

/** Scores and filters of the net after an epoch. */
export interface Answers {
  /** Class scores of the validation images, [images, classes]. */
  readonly validation: Float32Array;
  /** Class scores of the visitor's images, [images, classes]. */
  readonly ownImages: Float32Array;
  /** Filters of the first convolution, [3, 3, 3, filters]. */
  readonly filters: Float32Array;
}

export const FILTERS = NET.configuration[0];

/** Trains on the engine in use until the run is complete or the signal is aborted, and stores the run. */
export async function train({ images, run, signal, onEvent, ownImages, onAnswers }: RunOptions): Promise<FitResult> {
  const { training, validation } = images;
  const model = createVgg(NET, heInitialiser({ seed: SEED }));
  const optimiser = new MomentumSgd();
  /** Returns the validation result and the class scores of some images. */
  const assess = async (seen: DrawnImages, aborted: AbortSignal | undefined) => {
    let scores = new Float32Array();
    const onScores = (_: unknown, numbers: Float32Array) => {
      scores = Float32Array.from(numbers);
    };
    const all = seen.labels.map((_, i) => i);
    const result = await validate({ model, batches: batchesOf(seen, all, all.length), signal: aborted, onScores });
    return { result, scores };
  };
  try {
    return await fit({
      model,
      batches: (epoch, start) => batchesOf(training, epochOrder(SEED, epoch, IMAGES).subarray(start * BATCH), BATCH),
      microBatch: BATCH,
      optimiser,
      schedule: cosine({ rate: RATE, steps: STEPS }),
      epochs: EPOCHS,
      seed: SEED,
      validate: async (aborted) => {
        const { result, scores } = await assess(validation, aborted);
        const own = ownImages();
        const ownScores = own.labels.length === 0 ? new Float32Array() : (await assess(own, aborted)).scores;
        const filters = (await model.variables.get('conv1_1.weight')!.data()) as Float32Array;
        onAnswers({ validation: scores, ownImages: ownScores, filters });
        return result;
      },
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
