/** Speed of training a net on its images, measured on a few real micro-batches. */
import { spread, type TrainTransform } from '@vgg/data';
import { createEvaluationBatches } from '@vgg/data/node';
import { scalesFor } from '@vgg/eval';
import type { Vgg } from '@vgg/models';
import { constant } from '@vgg/optim';
import type { Recipe } from '@vgg/recipes';
import { fit, validate } from '@vgg/train';
import type { OpenedData } from '../images/data-set';
import { stepOptions, trainingBatches } from './step';

/** Smallest number of micro-batches that are measured, after one for warm-up. */
const MEASURED = 4;
/** Default of `shortest`, in seconds: longer than the batches that are prefetched last. */
const SHORTEST = 3;
/** Time after which no further micro-batch is started if one has been measured, in seconds. */
const LONGEST = 20;

/** Measured speed of training and validation. */
export interface Speed {
  /** Seconds per micro-batch: preparing its images and computing its gradient. */
  microBatch: number;
  /** Seconds per update of the weights. */
  update: number;
  /** Seconds per validation image. */
  validationImage: number;
  /** Number of micro-batches that were measured. */
  measured: number;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

export interface MeasureOptions {
  model: Vgg;
  recipe: Recipe;
  data: OpenedData;
  transform: TrainTransform;
  workers: number;
  strict: boolean;
  /** Shortest time to measure, in seconds. Default 3. */
  shortest?: number | undefined;
  /** Value that stands for several measurements: their median (default), or their mean, which counts moments of a busy machine. */
  middle?: ((values: readonly number[]) => number) | undefined;
}

/** Measures a few steps of one micro-batch each, which change `model`, and the validation of a few images. */
export async function measureSpeed(options: MeasureOptions): Promise<Speed> {
  const { recipe, data, transform, workers, strict, model, shortest = SHORTEST, middle = median } = options;
  const { microBatch: batchSize, rate } = recipe;
  const training = trainingBatches({ recipe, data, transform, workers, strict, batchSize });
  const step = stepOptions(model, recipe, data);
  const began = performance.now();
  const samples: { microBatch: number; update: number }[] = [];
  const enough = () => {
    const seconds = (performance.now() - began) / 1000;
    return samples.length > MEASURED ? seconds > shortest : samples.length > 1 && seconds > LONGEST;
  };
  let computed = 0;
  try {
    while (!enough()) {
      await fit({
        ...step,
        // A learning rate low enough that training does not diverge.
        schedule: constant(Math.min(rate, 1e-3)),
        epochs: 1,
        batches: () => until(enough, training.epoch(samples.length)),
        onEvent: (event) => {
          if (event.type === 'micro-batch') computed = performance.now();
          if (event.type !== 'step') return;
          const update = (performance.now() - computed) / 1000;
          samples.push({ microBatch: event.seconds - update, update });
        },
      });
    }
    const measured = samples.slice(1);
    return {
      microBatch: middle(measured.map(({ microBatch }) => microBatch)),
      update: middle(measured.map(({ update }) => update)),
      validationImage: await secondsPerValidationImage(options),
      measured: measured.length,
    };
  } finally {
    step.optimiser.dispose();
    await training.close();
  }
}

/** Yields batches until enough is measured, at least one. */
async function* until<T>(enough: () => boolean, batches: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const batch of batches) {
    yield batch;
    if (enough()) return;
  }
}

async function secondsPerValidationImage({ recipe, data, transform, workers, strict, model }: MeasureOptions) {
  if (data.validation === undefined) return 0;
  const { crop, mean } = transform;
  const [scale] = scalesFor(transform.scale, 'single', crop);
  const source = spread(data.validation, 2 * recipe.microBatch);
  const batchSize = recipe.microBatch;
  const batches = createEvaluationBatches(source, {
    transform: { crop, scale: scale!, mean, range: 255 },
    batchSize,
    workers,
    strict,
  });
  try {
    const began = performance.now();
    await validate({ model, batches: batches.epoch(0) });
    return (performance.now() - began) / 1000 / source.length;
  } finally {
    await batches.close();
  }
}

/** Returns the seconds that a step, an epoch of training and a validation of a recipe take at the measured speed. */
export function epochSeconds(
  { batch, microBatch }: Pick<Recipe, 'batch' | 'microBatch'>,
  images: { train: number; validation: number },
  speed: Speed,
): { step: number; training: number; validation: number } {
  const step = (batch / microBatch) * speed.microBatch + speed.update;
  return {
    step,
    training: Math.floor(images.train / batch) * step,
    validation: images.validation * speed.validationImage,
  };
}
