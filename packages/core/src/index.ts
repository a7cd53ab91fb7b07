export { type Communicator, checkTerms, type SumTerms, singleProcess, type WaitingTime } from './communicator';
export {
  ERROR_CODES,
  isInputError,
  isVggError,
  VggError,
  type VggErrorCode,
  type VggErrorKind,
  type VggErrorOptions,
} from './errors';
export { yieldToEventLoop } from './event-loop';
export { type ByteUnit, formatBytes, formatDuration, formatTimestamp } from './format';
export { gather, type Outcome, outcomeOf, throwFailure } from './gather';
export { requireInteger } from './integer';
export { memoryJob } from './memory-job';
export { misplaced } from './misplaced';
export { type RandomStream, randomStream, threefry2x32 } from './random';
export { sizeOf } from './shape';
export { didYouMean, nearest } from './suggest';
export { nodesOf, type SumPlan, shareOf, sumPlan, type TermRange, TreeSum } from './sum-order';
