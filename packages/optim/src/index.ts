export { GradientAccumulator } from './accumulator';
export { AdamW, type AdamWOptions } from './adamw';
export { type BackendKernel, backendKernel } from './backend-kernel';
export { type CrossEntropyOptions, checkLabels, type MixedLabels, softmaxCrossEntropy } from './cross-entropy';
export {
  ensureGradients,
  type LossAndGradients,
  type LossWithAux,
  lossAndGradients,
  type ReplaceGradient,
} from './gradients';
export { DECAY_WEIGHTS_ONLY, type ParameterGroup } from './groups';
export {
  type FocalOptions,
  focalLoss,
  type OutputTargets,
  type ReductionOptions,
  type RegressionOptions,
  regressionLoss,
  type SigmoidOptions,
  sigmoidCrossEntropy,
  softTargetCrossEntropy,
} from './losses';
export { MomentumSgd, type MomentumSgdOptions } from './momentum-sgd';
export { Muon, type MuonOptions } from './muon';
export { assertFinite, clipScale, type FiniteCheck, globalNorm, nonFiniteNames } from './norm';
export type { Optimiser } from './optimiser';
export {
  type CosineOptions,
  constant,
  cosine,
  type JsonValue,
  type Observation,
  type PlateauOptions,
  type PlateauState,
  plateau,
  type Schedule,
  type StepsOptions,
  steps,
  warmUp,
} from './schedule';
export { type StallDetector, type StallOptions, type StallState, stallDetector } from './stall';
export { tfOptimiser } from './tf-optimiser';
export { WeightAverage } from './weight-average';
