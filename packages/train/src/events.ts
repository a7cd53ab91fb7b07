/** Events of a training run. */
import type { WaitingTime } from '@vgg/core';
import type { Metrics } from './metrics';
import type { Validation } from './validate';

export type EndReason =
  /** All epochs or `maxSteps` are completed. */
  | 'complete'
  /**
   * The schedule has ended. The plateau schedule does so when the metric stops improving after the last drop of the
   * rate.
   */
  | 'schedule'
  /** Early stopping: the metric has not improved in `earlyStop` validations. */
  | 'early-stop'
  /** The signal was aborted. If there is a store, it has a checkpoint of this place. */
  | 'interrupted';

export type TrainEvent =
  | { type: 'start'; epoch: number; batch: number; step: number; resumed: boolean }
  /** This process has completed `done` of its `of` micro-batches of the batch. */
  | { type: 'micro-batch'; step: number; done: number; of: number }
  | {
      type: 'step';
      epoch: number;
      /** Index of the batch in its epoch. */
      batch: number;
      /** Number of completed steps, including this one. */
      step: number;
      rate: number;
      /** Metrics of this batch, before its update. */
      metrics: Metrics;
      /** Metrics of the epoch so far. */
      running: Metrics;
      gradientNorm: number;
      samples: number;
      seconds: number;
      /** Images of all processes per second, from the request for the batch to the end of its update. */
      imagesPerSecond: number;
      /** Time that this process waited for the others of its job during the step; undefined for one process. */
      peers?: WaitingTime | undefined;
    }
  /** The net learns nothing. The message says what to do. */
  | { type: 'stall'; step: number; message: string }
  | {
      type: 'epoch';
      /** The completed epoch, counted from 0. */
      epoch: number;
      step: number;
      /** Metrics over the epoch's batches, each before its update. */
      training: Metrics;
      /** Absent if this epoch was not validated (`validateEvery`). */
      validation?: Validation | undefined;
      /** True if the metric is the best so far; always false for an epoch that was not validated. */
      best: boolean;
      /** Learning rate of the next step. */
      rate: number;
      seconds: number;
    }
  | { type: 'checkpoint'; step: number; name: string }
  | { type: 'end'; reason: EndReason; epoch: number; step: number };

type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

/** Line of `metrics.jsonl`: an event with the seconds that went elsewhere since the line before. */
export type MetricsEntry =
  | (EventOf<'step'> & { waiting?: number | undefined; saving?: number | undefined })
  | (EventOf<'epoch'> & { validating?: number | undefined });
