/** Making a trained net tell other classes apart: a new last layer on features that stay as they are, in one call. */
import { constant, MomentumSgd, type Optimiser, type Schedule } from '@vgg/optim';
import { fit } from './fit';
import type { FitOptions, FitResult } from './fit-options';
import type { TrainableNet } from './net';

/** A net whose layers can be frozen and whose last layer can be replaced, as those of `@vgg/models`. */
export interface TunableNet<Layer extends string = string> extends TrainableNet {
  replaceHead(classes: number): void;
  freeze(...layers: readonly Layer[]): void;
}

export interface FineTuneOptions<Layer extends string>
  extends Omit<FitOptions, 'model' | 'optimiser' | 'schedule' | 'epochs' | 'seed' | 'microBatch'> {
  model: TunableNet<Layer>;
  /** Number of classes of the new last layer. */
  classes: number;
  /** Layers that stay as they are: all convolutions (`features`) unless given; `[]` trains everything. */
  freeze?: readonly Layer[];
  /** Momentum SGD in the paper's rule with its own momentum and decay unless given. */
  optimiser?: Optimiser;
  /** A constant rate of 1e-3, the paper's when it starts from trained weights (section 3.1), unless given. */
  schedule?: Schedule;
  /** 10 unless given. */
  epochs?: number;
  /** 0 unless given. */
  seed?: number;
  /** 32 unless given. */
  microBatch?: number;
}

/**
 * Replaces the last layer of `model` by a new one for `classes` classes, freezes the convolutions and trains the rest.
 * Afterwards `model` is the tuned net, its frozen layers still frozen.
 *
 * To resume, pass `resume`: the new layer's weights then come from the checkpoint.
 *
 * @throws as {@link fit}, and as the net's `replaceHead` and `freeze`.
 */
export async function fineTune<Layer extends string>({
  model,
  classes,
  freeze = ['features' as Layer],
  optimiser,
  ...options
}: FineTuneOptions<Layer>): Promise<FitResult> {
  model.replaceHead(classes);
  model.freeze(...freeze);
  const own = optimiser ?? new MomentumSgd();
  try {
    return await fit({
      schedule: constant(1e-3),
      epochs: 10,
      seed: 0,
      microBatch: 32,
      ...options,
      model,
      optimiser: own,
    });
  } finally {
    if (optimiser === undefined) own.dispose();
  }
}
