export { Calibration } from './calibration';
export { type ClassMapOptions, classMap, strideOf } from './class-map';
export {
  type ClassifyingNet,
  type ClassifyOptions,
  classify,
  evaluatedNet,
  type Guess,
  type InputOptions,
  netInput,
  wholeInput,
} from './classify';
export { drawClassMap, heatColour } from './draw-class-map';
export {
  type EvaluateOptions,
  type Evaluation,
  type EvaluationEvent,
  type EvaluationRow,
  evaluate,
} from './evaluate';
export { type GradCamOptions, gradCam, type TappedNet } from './grad-cam';
export { type HeatMapOptions, heatMap } from './heat-map';
export type { NotStream } from './image-sequence';
export type { EvaluationImage, SkippedImage } from './load';
export { type ClassMap, MAP_METHODS, type MapMethod } from './map';
export { type ClassErrors, type ConfusedPair, type Errors, meanF1, Tally, topClasses, topK } from './metrics';
export { type OcclusionOptions, occlusion } from './occlusion';
export { type ImagePrediction, type PredictOptions, predict } from './predict';
export { type Prediction, predictionLine } from './predictions';
export { type Classifier, type EvaluatedNet, inputSides, PROTOCOLS, type Protocol } from './protocol';
export {
  type ClassNames,
  type ClassPlaces,
  checkClasses,
  checkImageClasses,
  type ImagenetClasses,
  matchClasses,
} from './same-classes';
export { scalesFor, type TrainingScale } from './scales';
export { type Posteriors, softmax } from './score';
export {
  binomialError,
  type Comparison,
  compareErrors,
  type ErrorEstimate,
  errorOf,
  mcnemar,
  type Outcomes,
} from './statistics';
