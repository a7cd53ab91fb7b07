/**
 * Tells a net that learns nothing. A classifier that cannot tell its classes apart answers 1/classes for each, and its
 * loss is ln(classes): a loss that stays there means that no signal passes through the net. Deep plain nets with small
 * random weights do exactly that, which is why the paper starts them from net A (section 3.1).
 */
import { VggError } from '@vgg/core';

export interface StallOptions {
  /** Number of classes, at least 2. */
  classes: number;
  /** Steps whose mean loss is judged, 100 unless given. */
  window?: number;
  /** How near to ln(classes) the mean must be, as a fraction of it; 0.01 unless given. */
  tolerance?: number;
}

/** Plain JSON. */
export type StallState = { steps: number; sum: number; told: boolean };

export interface StallDetector {
  readonly initial: StallState;
  /** The state after one more step's mean loss, and what to tell the user when a whole window passed at ln(classes): once. */
  observe(state: StallState, loss: number): { state: StallState; message?: string };
}

/** @throws VggError `VGG_ARGUMENT` for fewer than two classes or an empty window. */
export function stallDetector({ classes, window = 100, tolerance = 0.01 }: StallOptions): StallDetector {
  if (!Number.isInteger(classes) || classes < 2 || !Number.isInteger(window) || window < 1) {
    throw new VggError('argument', `expected at least 2 classes and a window of 1 step, got ${classes} and ${window}`);
  }
  const chance = Math.log(classes);
  return {
    initial: { steps: 0, sum: 0, told: false },
    observe(state, loss) {
      const [steps, sum] = [state.steps + 1, state.sum + loss];
      if (steps < window) return { state: { ...state, steps, sum } };
      const mean = sum / steps;
      const stalled = Math.abs(mean - chance) <= tolerance * chance;
      const next = { steps: 0, sum: 0, told: state.told || stalled };
      if (!stalled || state.told) return { state: next };
      return {
        state: next,
        message:
          `the loss has stayed at ${mean.toFixed(3)} = ln(${classes}) for ${steps} steps: the net answers every image alike. ` +
          'Use batch normalisation, Glorot or He initialisation, or weights of net A to start from; or another rate',
      };
    },
  };
}
