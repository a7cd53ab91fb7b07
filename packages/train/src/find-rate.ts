/** Learning rate range test (arXiv:1506.01186): trains with a rising learning rate and records the loss of each step. */
import { isVggError, requireInteger, VggError } from '@vgg/core';
import type { Schedule } from '@vgg/optim';
import { fit } from './fit';
import type { FitOptions } from './fit-options';
import type { RateLoss } from './rate-range';

/** Options of {@link findRate}. */
export interface FindRateOptions
  extends Pick<
    FitOptions,
    | 'model'
    | 'batches'
    | 'microBatch'
    | 'optimiser'
    | 'seed'
    | 'clipNorm'
    | 'loss'
    | 'labelSmoothing'
    | 'classWeights'
    | 'cutMix'
    | 'mixUp'
  > {
  /** Learning rate of the first step, above 0. */
  lowest: number;
  /** Learning rate of the last step, above `lowest`. */
  highest: number;
  /** Number of steps, at least 2; the rate rises by the same factor from each to the next. */
  steps: number;
  /** Called after each step with the losses so far. */
  onStep?: ((losses: readonly RateLoss[]) => void) | undefined;
}

/** The trial ends when the loss is this many times the smallest one, which is above 0, after a tenth of the steps. */
const DIVERGED = 4;

function checkRange({ lowest, highest, steps }: FindRateOptions): void {
  requireInteger('steps', steps, 2);
  if (0 < lowest && lowest < highest && highest < Number.POSITIVE_INFINITY) return;
  throw new VggError('argument', `expected rates with 0 < lowest < highest, got ${lowest} and ${highest}`);
}

function rising({ lowest, highest, steps }: FindRateOptions): Schedule {
  return {
    initial: null,
    rate: (_, step) => lowest * (highest / lowest) ** (step / (steps - 1)),
    observe: (state) => state,
    done: (_, step) => step >= steps,
  };
}

/**
 * Trains with a rising learning rate until the loss diverges, which changes the net, and returns the losses by ascending rate.
 * `suggestRate` chooses a rate from them, `rateChart` draws them.
 * @throws VggError `VGG_ARGUMENT` for fewer than two steps or rates that do not rise; others as `fit`, but a loss that is not
 *   finite ends the trial, unless it is the first.
 */
export async function findRate(options: FindRateOptions): Promise<RateLoss[]> {
  checkRange(options);
  const { lowest: _lowest, highest: _highest, steps, onStep, ...training } = options;
  const losses: RateLoss[] = [];
  const diverged = new AbortController();
  try {
    await fit({
      ...training,
      schedule: rising(options),
      epochs: steps,
      signal: diverged.signal,
      onEvent: (event) => {
        if (event.type !== 'step') return;
        const { loss } = event.metrics;
        losses.push({ rate: event.rate, loss });
        onStep?.(losses);
        const smallest = losses.reduce((least, one) => Math.min(least, one.loss), Number.POSITIVE_INFINITY);
        if (losses.length > steps / 10 && smallest > 0 && loss > DIVERGED * smallest) diverged.abort();
      },
    });
  } catch (error) {
    // A rate that is too high ends the trial.
    if (!isVggError(error) || error.code !== 'VGG_NON_FINITE' || losses.length === 0) throw error;
  }
  return losses;
}
