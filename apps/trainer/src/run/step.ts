/** The training step of a recipe: images, trained layers, optimiser and loss. A run takes it, and so do the trials before it. */
import type { TermRange } from '@vgg/core';
import { type BatchLoader, balancedOrder, balancedWeights, countsOf, labelsOf, type TrainTransform } from '@vgg/data';
import { createBatches } from '@vgg/data/node';
import type { FreezableName, Vgg } from '@vgg/models';
import { extrasOf, optimiserOf, type Recipe } from '@vgg/recipes';
import type { OpenedData } from '../images/data-set';

interface LoadingOptions {
  recipe: Recipe;
  data: OpenedData;
  transform: TrainTransform;
  workers: number;
  strict: boolean;
  /** Default that of the recipe. */
  batchSize?: number | undefined;
  share?: TermRange | undefined;
}

/** Returns the loader of a recipe's training batches. The caller closes it. */
export function trainingBatches({ recipe, data, transform, batchSize, ...options }: LoadingOptions): BatchLoader {
  const { seed, batch, sampling } = recipe;
  const labels = labelsOf(data.train);
  return createBatches(data.train, {
    ...options,
    transform: { ...transform, range: 255 },
    batchSize: batchSize ?? batch,
    seed,
    order: sampling === 'balanced' ? (epoch) => balancedOrder(seed, epoch, labels, data.classes.length) : undefined,
  });
}

/** Freezes the layers of a recipe, and returns the options of `fit` for its steps. The caller disposes the optimiser. */
export function stepOptions(model: Vgg, recipe: Recipe, { train, classes }: OpenedData) {
  const { freeze, microBatch, seed, classWeights } = recipe;
  model.freeze(...(freeze as readonly FreezableName[]));
  return {
    model,
    microBatch,
    seed,
    optimiser: optimiserOf(recipe, model.options),
    ...extrasOf(recipe),
    classWeights: classWeights === 'balanced' ? balancedWeights(countsOf(labelsOf(train), classes.length)) : undefined,
  };
}
