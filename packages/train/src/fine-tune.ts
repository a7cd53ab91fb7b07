/** Fine-tuning of a trained net for other classes: a new last layer on frozen features. */
import { constant, MomentumSgd, type Optimiser, type Schedule } from '@vgg/optim';
import { fit } from './fit';
import type { FitOptions, FitResult } from './fit-options';
import type { TrainableNet } from './net';

/** Net whose layers can be frozen and whose last layer can be replaced, such as those of `@vgg/models`. */
export interface TunableNet<Layer extends string = string> extends TrainableNet {
  replaceHead(classes: number): void;
  freeze(...layers: readonly Layer[]): void;
}

export interface FineTuneOptions<Layer extends string>
  extends Omit<FitOptions, 'model' | 'optimiser' | 'schedule' | 'epochs' | 'seed' | 'microBatch'> {
  model: TunableNet<Layer>;
  /** Number of classes of the new last layer. */
  classes: number;
  /** Layers that are not trained; `[]` trains everything. Default all convolutions (`features`). */
  freeze?: readonly Layer[] | undefined;
  /** Default `new MomentumSgd()`: momentum and weight decay of the paper. */
  optimiser?: Optimiser | undefined;
  /** Default a constant rate of 1e-3, the paper's for a start from pre-trained weights (section 3.1). */
  schedule?: Schedule | undefined;
  /** Default 10. */
  epochs?: number | undefined;
  /** Default 0. */
  seed?: number | undefined;
  /** Default 32. */
  microBatch?: number | undefined;
}

/**
 * Replaces the last layer of `model` by a new one for `classes` classes, freezes layers and trains the others.
 * Afterwards `model` is the fine-tuned net, and the frozen layers are still frozen. With `resume`, the weights of the
 * new layer come from the checkpoint.
 *
 * @throws the errors of {@link fit} and of the net's `replaceHead` and `freeze`.
 */
export async function fineTune<Layer extends string>({
  model,
  classes,
  freeze = ['features' as Layer],
  optimiser,
  schedule = constant(1e-3),
  epochs = 10,
  seed = 0,
  microBatch = 32,
  ...options
}: FineTuneOptions<Layer>): Promise<FitResult> {
  model.replaceHead(classes);
  model.freeze(...freeze);
  const own = optimiser ?? new MomentumSgd();
  try {
    return await fit({ ...options, model, optimiser: own, schedule, epochs, seed, microBatch });
  } finally {
    if (optimiser === undefined) own.dispose();
  }
}
