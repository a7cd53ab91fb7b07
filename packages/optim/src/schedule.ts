/**
 * Learning-rate schedules as pure state machines. A state is plain JSON, so that checkpoints can contain it, and only
 * `observe` returns a new one. The schedule of the paper (section 3.1) is {@link plateau}.
 */
import { requireInteger, VggError } from '@vgg/core';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Result of a validation, the input of a schedule. */
export interface Observation {
  /** Number of completed steps. */
  step: number;
  /** Error in % or loss: lower is better. */
  metric: number;
}

export interface Schedule<State extends JsonValue = JsonValue> {
  readonly initial: State;
  /** Returns the learning rate of step `step`, counted from 0. */
  rate(state: State, step: number): number;
  /** Returns the state after a validation. */
  observe(state: State, observation: Observation): State;
  /** True if training should stop before step `step`. */
  done(state: State, step: number): boolean;
}

function requirePositive(what: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new VggError('argument', `expected ${what} above 0, got ${value}`);
  }
}

/** Returns a schedule whose rate depends only on the step. */
function stateless(rate: (step: number) => number, done: (step: number) => boolean = () => false): Schedule<null> {
  return { initial: null, rate: (_, step) => rate(step), observe: () => null, done: (_, step) => done(step) };
}

/** Returns a schedule with the same rate for all steps. */
export function constant(rate: number): Schedule<null> {
  requirePositive('a rate', rate);
  return stateless(() => rate);
}

export interface StepsOptions {
  /** Initial learning rate. */
  rate: number;
  /** Steps, in ascending order, at which the rate is multiplied by `factor`. */
  boundaries: readonly number[];
  /** Default 0.1. */
  factor?: number | undefined;
}

/** Returns a schedule that multiplies the rate by `factor` at each boundary. */
export function steps({ rate, boundaries, factor = 0.1 }: StepsOptions): Schedule<null> {
  requirePositive('a rate', rate);
  requirePositive('a factor', factor);
  boundaries.forEach((boundary, i) => {
    requireInteger('a boundary', boundary, 1);
    if (i > 0 && boundary <= boundaries[i - 1]!) {
      throw new VggError('argument', `expected rising boundaries, got ${boundaries.join(', ')}`);
    }
  });
  return stateless((step) => rate * factor ** boundaries.filter((boundary) => step >= boundary).length);
}

export interface CosineOptions {
  /** Initial learning rate. */
  rate: number;
  /** Number of steps until the rate reaches `floor` and training ends. */
  steps: number;
  /** Last rate. Default 0. */
  floor?: number | undefined;
}

/**
 * Returns a schedule of half a cosine from `rate` down to `floor`: floor + (rate - floor)·(1 + cos(π·step/steps))/2.
 */
export function cosine({ rate, steps: total, floor = 0 }: CosineOptions): Schedule<null> {
  requirePositive('a rate', rate);
  requireInteger('steps', total, 1);
  if (!(floor >= 0 && floor <= rate)) throw new VggError('argument', `expected a floor in [0, ${rate}], got ${floor}`);
  return stateless(
    (step) => floor + ((rate - floor) * (1 + Math.cos((Math.PI * Math.min(step, total)) / total))) / 2,
    (step) => step >= total,
  );
}

export interface PlateauOptions {
  /** Initial learning rate. Default 0.01, as in the paper. */
  rate?: number | undefined;
  /** Number by which the rate is divided. Default 10, as in the paper. */
  divisor?: number | undefined;
  /** Number of times the rate is divided; the next plateau ends training. Default 3, as in the paper. */
  drops?: number | undefined;
  /** Number of validations without improvement that make a plateau. Default 3 (the paper does not say). */
  patience?: number | undefined;
  /** Smallest improvement over the best metric that counts, in the unit of the metric. Default 0. */
  minImprovement?: number | undefined;
}

/**
 * Plain JSON: best metric so far, validations since then, divisions of the rate so far, true after the last plateau.
 */
export type PlateauState = { best: number | null; since: number; drops: number; done: boolean };

/**
 * Returns the schedule of the paper: the rate is divided each time the validation metric stops improving, and training
 * stops at the plateau after the last division.
 */
export function plateau({
  rate = 0.01,
  divisor = 10,
  drops = 3,
  patience = 3,
  minImprovement = 0,
}: PlateauOptions = {}): Schedule<PlateauState> {
  requirePositive('a rate', rate);
  requirePositive('a divisor', divisor);
  requireInteger('the patience', patience, 1);
  requireInteger('drops', drops, 0);
  if (!(minImprovement >= 0)) {
    throw new VggError('argument', `expected minImprovement of at least 0, got ${minImprovement}`);
  }
  return {
    initial: { best: null, since: 0, drops: 0, done: false },
    rate: (state) => rate / divisor ** state.drops,
    observe(state, { metric, step }) {
      if (!Number.isFinite(metric)) {
        throw new VggError('nonFinite', `the validation metric at step ${step} is ${metric}: the net has diverged`);
      }
      if (state.done) return state;
      if (state.best === null || metric < state.best - minImprovement) return { ...state, best: metric, since: 0 };
      if (state.since + 1 < patience) return { ...state, since: state.since + 1 };
      return state.drops < drops
        ? { ...state, since: 0, drops: state.drops + 1 }
        : { ...state, since: patience, done: true };
    },
    done: (state) => state.done,
  };
}

/**
 * Returns a schedule with a linear warm-up before `schedule`: step s of the warm-up has the rate (s + 1)/warmUpSteps
 * times the first rate of the schedule. After the warm-up the schedule starts at its step 0. It does not observe
 * validations during the warm-up.
 */
export function warmUp<State extends JsonValue>(warmUpSteps: number, schedule: Schedule<State>): Schedule<State> {
  requireInteger('warm-up steps', warmUpSteps, 1);
  return {
    initial: schedule.initial,
    rate: (state, step) =>
      step < warmUpSteps
        ? (schedule.rate(state, 0) * (step + 1)) / warmUpSteps
        : schedule.rate(state, step - warmUpSteps),
    observe: (state, { step, metric }) =>
      step <= warmUpSteps ? state : schedule.observe(state, { step: step - warmUpSteps, metric }),
    done: (state, step) => step >= warmUpSteps && schedule.done(state, step - warmUpSteps),
  };
}
