/**
 * Detection of a net that does not learn. A classifier that cannot distinguish its classes gives each the probability
 * 1/classes, and its loss is ln(classes). A loss that stays there means that no signal passes through the net. This
 * happens to deep plain nets with small random weights; the paper therefore initialises them with net A (section 3.1).
 */
import { requireInteger } from '@vgg/core';

export interface StallOptions {
  /** Number of classes, at least 2. */
  classes: number;
  /** Number of steps whose mean loss is compared with ln(classes), at least 1. Default 100. */
  window?: number | undefined;
  /** Largest difference of the mean from ln(classes), as a fraction of it. Default 0.01. */
  tolerance?: number | undefined;
}

/** Plain JSON: steps and sum of losses of this window; `reported` is true after the message. */
export type StallState = { steps: number; sum: number; reported: boolean };

export interface StallDetector {
  readonly initial: StallState;
  /** Returns the state after one more step's mean loss. The first window at ln(classes) adds a message for the user. */
  observe(state: StallState, loss: number): { state: StallState; message?: string | undefined };
}

/**
 * Returns a detector, a pure state machine.
 *
 * @throws VggError `VGG_ARGUMENT` for fewer than two classes or an empty window.
 */
export function stallDetector({ classes, window = 100, tolerance = 0.01 }: StallOptions): StallDetector {
  requireInteger('classes', classes, 2);
  requireInteger('window', window, 1);
  const chance = Math.log(classes);
  return {
    initial: { steps: 0, sum: 0, reported: false },
    observe(state, loss) {
      const steps = state.steps + 1;
      const sum = state.sum + loss;
      if (steps < window) return { state: { ...state, steps, sum } };
      const mean = sum / steps;
      const stalled = Math.abs(mean - chance) <= tolerance * chance;
      const next = { steps: 0, sum: 0, reported: state.reported || stalled };
      if (!stalled || state.reported) return { state: next };
      return {
        state: next,
        message:
          `the loss has stayed at ${mean.toFixed(3)} = ln(${classes}) for ${steps} steps: the net answers every image alike. ` +
          'Use batch normalisation, Glorot or He initialisation, or weights of net A to start from; or another rate',
      };
    },
  };
}
