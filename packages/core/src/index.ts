export { type Communicator, singleProcess } from './communicator';
export {
  ERROR_CODES,
  isInputError,
  isVggError,
  VggError,
  type VggErrorCode,
  type VggErrorKind,
  type VggErrorOptions,
} from './errors';
export { type RandomStream, randomStream, threefry2x32 } from './random';
export { didYouMean, nearest } from './suggest';
