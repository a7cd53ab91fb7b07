/**
 * Learning-rate schedules as pure state machines: a state is plain JSON, so a checkpoint can hold it, and nothing changes
 * but by `observe`. The paper's (section 3.1) is {@link plateau}.
 */
import { VggError } from '@vgg/core';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** What a schedule is told after each validation. */
export interface Observation {
  /** Steps completed. */
  step: number;
  /** The metric, lower is better: an error in %, or a loss. */
  metric: number;
}

export interface Schedule<State extends JsonValue = JsonValue> {
  readonly initial: State;
  /** The learning rate of step `step`, counted from 0. */
  rate(state: State, step: number): number;
  /** The state after a validation. */
  observe(state: State, observation: Observation): State;
  /** Whether training should stop before step `step`. */
  done(state: State, step: number): boolean;
}

function positive(what: string, value: number): number {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new VggError('argument', `expected ${what} above 0, got ${value}`);
  }
  return value;
}

function wholeSteps(what: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new VggError('argument', `expected ${what} to be an integer of at least 1, got ${value}`);
  }
  return value;
}

/** A schedule whose rate depends on the step alone. */
function stateless(rate: (step: number) => number, done: (step: number) => boolean = () => false): Schedule<null> {
  return { initial: null, rate: (_, step) => rate(step), observe: () => null, done: (_, step) => done(step) };
}

/** The same rate for ever. */
export function constant(rate: number): Schedule<null> {
  positive('a rate', rate);
  return stateless(() => rate);
}

export interface StepsOptions {
  /** The first rate. */
  rate: number;
  /** The steps, rising, from which on the rate is multiplied once more. */
  boundaries: readonly number[];
  /** 0.1 unless given. */
  factor?: number;
}

/** A rate multiplied by `factor` at each boundary. */
export function steps({ rate, boundaries, factor = 0.1 }: StepsOptions): Schedule<null> {
  positive('a rate', rate);
  positive('a factor', factor);
  boundaries.forEach((boundary, i) => {
    wholeSteps('a boundary', boundary);
    if (i > 0 && boundary <= boundaries[i - 1]!) {
      throw new VggError('argument', `expected rising boundaries, got ${boundaries.join(', ')}`);
    }
  });
  return stateless((step) => rate * factor ** boundaries.filter((boundary) => step >= boundary).length);
}

export interface CosineOptions {
  /** The first rate. */
  rate: number;
  /** Steps until the rate reaches `floor` and training is done. */
  steps: number;
  /** 0 unless given. */
  floor?: number;
}

/** Half a cosine from `rate` down to `floor`: floor + (rate - floor)·(1 + cos(π·step/steps))/2. */
export function cosine({ rate, steps: total, floor = 0 }: CosineOptions): Schedule<null> {
  positive('a rate', rate);
  wholeSteps('steps', total);
  if (!(floor >= 0 && floor <= rate)) throw new VggError('argument', `expected a floor in [0, ${rate}], got ${floor}`);
  return stateless(
    (step) => floor + ((rate - floor) * (1 + Math.cos((Math.PI * Math.min(step, total)) / total))) / 2,
    (step) => step >= total,
  );
}

export interface PlateauOptions {
  /** The first rate; the paper's 0.01 unless given. */
  rate?: number;
  /** What divides the rate; the paper's 10 unless given. */
  divisor?: number;
  /** How often the rate falls before the next plateau ends training; the paper's 3 unless given. */
  drops?: number;
  /** Validations without improvement that make a plateau; 3 unless given (the paper does not say). */
  patience?: number;
  /** By how much, in the metric's unit, a validation must beat the best one to count; 0 unless given. */
  minImprovement?: number;
}

/** Plain JSON: the best metric so far, the validations since, the rate's drops so far, whether the last plateau came. */
export type PlateauState = { best: number | null; since: number; drops: number; done: boolean };

/** The paper's schedule: the rate is divided when the validation metric stops improving, a few times, then training stops. */
export function plateau({
  rate = 0.01,
  divisor = 10,
  drops = 3,
  patience = 3,
  minImprovement = 0,
}: PlateauOptions = {}): Schedule<PlateauState> {
  positive('a rate', rate);
  positive('a divisor', divisor);
  wholeSteps('the patience', patience);
  if (!Number.isSafeInteger(drops) || drops < 0 || !(minImprovement >= 0)) {
    throw new VggError(
      'argument',
      `expected drops and minImprovement of at least 0, got ${drops} and ${minImprovement}`,
    );
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
 * Any schedule after a linear warm-up over `warmUpSteps` steps: step s has (s + 1)/warmUpSteps of the schedule's first
 * rate. The schedule then starts, at its step 0; validations during the warm-up are kept from it.
 */
export function warmUp<State extends JsonValue>(warmUpSteps: number, schedule: Schedule<State>): Schedule<State> {
  wholeSteps('warm-up steps', warmUpSteps);
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
