/** Progress of a run and its time left, validation included, estimated from its recent steps. */

/** Amount of work of a run. */
export interface RunPlan {
  /** Steps of the whole run. */
  readonly steps: number;
  readonly batchesPerEpoch: number;
  /** Epochs between validations; there is one after the last epoch too. */
  readonly validateEvery: number;
  /** Estimated duration of a validation before one has been measured, in steps. */
  readonly validationSteps: number;
}

/** Returns the number of validations of a run. */
export function validationsOf({ steps, batchesPerEpoch, validateEvery }: Omit<RunPlan, 'validationSteps'>): number {
  const epochs = steps / batchesPerEpoch;
  return Number.isInteger(epochs) ? Math.ceil(epochs / validateEvery) : Math.floor(epochs / validateEvery);
}

/** Time over which steps are averaged, in milliseconds. */
const WINDOW = 300_000;

interface Mark {
  /** Time in milliseconds, on a clock that stops during validations. */
  readonly time: number;
  readonly steps: number;
}

/** Estimator of a run's progress. */
export class RunPace {
  readonly #plan: RunPlan;
  readonly #now: () => number;
  /** Steps done, including fractions of a step. */
  #steps = 0;
  #marks: Mark[] = [];
  /** Time spent in validations, in milliseconds. */
  #paused = 0;
  #validation: { since: number; part: number } | undefined;
  /** Duration of the last validation, in milliseconds. */
  #validationTime: number | undefined;
  #validations = 0;

  constructor(plan: RunPlan, now: () => number = Date.now) {
    this.#plan = plan;
    this.#now = now;
  }

  /** Begins at the start of the run, or at the place from which it is resumed. */
  begin(epoch: number, batch: number): void {
    this.#steps = epoch * this.#plan.batchesPerEpoch + batch;
    this.#validations = Math.floor(epoch / this.#plan.validateEvery);
    this.#marks = [{ time: this.#now() - this.#paused, steps: this.#steps }];
  }

  /** Records progress in training. @param batch batches of the epoch that are done, including a fraction of one. */
  train(epoch: number, batch: number): void {
    this.#endValidation();
    this.#steps = epoch * this.#plan.batchesPerEpoch + batch;
    const time = this.#now() - this.#paused;
    this.#marks.push({ time, steps: this.#steps });
    // The first steps are slower (caches, compilation): drop the first mark as soon as there are enough others.
    if (this.#marks.length === 4) this.#marks.shift();
    while (this.#marks.length > 4 && time - this.#marks[1]!.time > WINDOW) this.#marks.shift();
  }

  /** Records progress in a validation. @param part fraction that is done, 0 to 1; 1 ends it. */
  validate(part: number): void {
    this.#validation ??= { since: this.#now(), part };
    this.#validation.part = part;
    if (part >= 1) this.#endValidation();
  }

  #endValidation(): void {
    if (this.#validation === undefined) return;
    const spent = this.#now() - this.#validation.since;
    this.#paused += spent;
    this.#validationTime = spent;
    this.#validations += 1;
    this.#validation = undefined;
  }

  /** Milliseconds per step; undefined before two marks. */
  get #stepTime(): number | undefined {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (first === undefined || last === undefined || last.steps <= first.steps) return undefined;
    return (last.time - first.time) / (last.steps - first.steps);
  }

  /** Recent steps per second; 0 before the first step. */
  get stepsPerSecond(): number {
    const time = this.#stepTime;
    return time === undefined || time === 0 ? 0 : 1000 / time;
  }

  /** Fraction of the run that is done, 0 to 1, and seconds left; null if not yet known. */
  get run(): { readonly part: number; readonly left: number | null } {
    const { steps, validationSteps } = this.#plan;
    const validations = validationsOf(this.#plan);
    const step = this.#stepTime;
    const validation = this.#validationTime === undefined || !step ? validationSteps : this.#validationTime / step;
    const total = steps + validations * validation;
    const done = this.#steps + (Math.min(this.#validations, validations) + (this.#validation?.part ?? 0)) * validation;
    const part = total === 0 ? 1 : Math.min(1, done / total);
    return { part, left: step === undefined ? null : Math.max(0, ((total - done) * step) / 1000) };
  }
}
