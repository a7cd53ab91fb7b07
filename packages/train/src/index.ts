export { gather } from '@vgg/core';
export { type BatchPart, type ImageBatch, imageShare, type MicroBatch, splitBatch } from './batch';
export {
  type Best,
  type Checkpoint,
  type CheckpointStore,
  captureCheckpoint,
  restoreCheckpoint,
  type TrainingParts,
  type TrainingState,
} from './checkpoint';
export type { EndReason, MetricsEntry, TrainEvent } from './events';
export { type FindRateOptions, findRate } from './find-rate';
export { type FineTuneOptions, fineTune, type TunableNet } from './fine-tune';
export { fit } from './fit';
export type { CheckpointOptions, FitOptions, FitResult } from './fit-options';
export { type BatchSums, batchSums, type GradientOptions } from './gradient';
export { onFirst, requireSameSettings } from './job';
export {
  crossEntropy,
  focal,
  type Loss,
  type LossFunction,
  type LossMetric,
  type LossTargets,
  multiLabel,
  regression,
  softTargets,
} from './loss';
export { addTotals, countErrors, type Metrics, meanOf, NO_SAMPLES, type Totals } from './metrics';
export type { ForwardOptions, TrainableNet } from './net';
export { RunPace, type RunPlan, validationsOf } from './pace';
export { type RateLoss, rateChart, suggestRate } from './rate-range';
export { type StepOptions, type StepResult, trainStep } from './step';
export { type ValidateOptions, type Validation, validate } from './validate';
