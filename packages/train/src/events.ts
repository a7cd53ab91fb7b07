/** What a run tells as it goes. */
import type { Metrics } from './metrics';
import type { Validation } from './validate';

export type EndReason =
  /** All epochs, or the most steps asked for, are done. */
  | 'complete'
  /** The schedule has ended: the rate fell as often as it may and the metric stopped improving again. */
  | 'schedule'
  /** The metric watched has not improved in as many validations as were granted. */
  | 'early-stop'
  /** The signal was raised; a checkpoint, where there is a store, holds the place. */
  | 'interrupted';

export type TrainEvent =
  | { type: 'start'; epoch: number; batch: number; step: number; resumed: boolean }
  /** A micro-batch of this process is done; `of` are its share of the batch. */
  | { type: 'micro-batch'; step: number; done: number; of: number }
  | {
      type: 'step';
      epoch: number;
      /** Index of the batch in its epoch. */
      batch: number;
      /** Steps completed, this one included. */
      step: number;
      rate: number;
      /** Of this batch, before its update. */
      metrics: Metrics;
      /** Of the epoch so far. */
      running: Metrics;
      gradientNorm: number;
      samples: number;
      seconds: number;
      /** From asking for the batch to the end of its update, over all processes. */
      imagesPerSecond: number;
    }
  /** The net learns nothing: what to do about it. */
  | { type: 'stall'; step: number; message: string }
  | {
      type: 'epoch';
      /** The epoch that ended, counted from 0. */
      epoch: number;
      step: number;
      /** Over the epoch's batches, each before its update. */
      training: Metrics;
      /** Where it was the epoch's turn. */
      validation?: Validation;
      /** Whether the metric watched is the best so far; never where it was not the epoch's turn. */
      best: boolean;
      /** The rate of the next step. */
      rate: number;
      seconds: number;
    }
  | { type: 'checkpoint'; step: number; name: string }
  | { type: 'end'; reason: EndReason; epoch: number; step: number };
