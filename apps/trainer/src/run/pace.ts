/** How far a run is and how long it has still to go, validation included, from the pace of the steps at hand. */

export interface RunPlan {
  /** Steps of the whole run. */
  readonly steps: number;
  readonly batchesPerEpoch: number;
  /** Epochs from one validation to the next; a run that ends with an epoch has one there. */
  readonly validateEvery: number;
  /** How much of a step's time a validation is likely to take, until one was seen: in steps. */
  readonly validationSteps: number;
}

/** The validations of a whole run. */
export function validationsOf({ steps, batchesPerEpoch, validateEvery }: Omit<RunPlan, 'validationSteps'>): number {
  const epochs = steps / batchesPerEpoch;
  return Number.isInteger(epochs) ? Math.ceil(epochs / validateEvery) : Math.floor(epochs / validateEvery);
}

/** Steps, validations included, are averaged over this many milliseconds. */
const WINDOW = 300_000;

interface Mark {
  /** On a clock that stands still while the net is validated, in milliseconds. */
  readonly time: number;
  readonly steps: number;
}

export class RunPace {
  readonly #plan: RunPlan;
  readonly #now: () => number;
  /** Steps of the whole run that are done, parts of a step included. */
  #steps = 0;
  #marks: Mark[] = [];
  /** The time that the clock of steps has stood still. */
  #paused = 0;
  #validation: { since: number; part: number } | undefined;
  /** Of the last validation, in milliseconds. */
  #validationTime: number | undefined;
  #validations = 0;

  constructor(plan: RunPlan, now: () => number = Date.now) {
    this.#plan = plan;
    this.#now = now;
  }

  /** Begins at a place of the run: at the start, or where it goes on. */
  begin(epoch: number, batch: number): void {
    this.#steps = epoch * this.#plan.batchesPerEpoch + batch;
    this.#validations = Math.floor(epoch / this.#plan.validateEvery);
    this.#marks = [{ time: this.#now() - this.#paused, steps: this.#steps }];
  }

  /** @param batch batches of the epoch that are done, parts of one included. */
  train(epoch: number, batch: number): void {
    this.#endValidation();
    this.#steps = epoch * this.#plan.batchesPerEpoch + batch;
    const time = this.#now() - this.#paused;
    this.#marks.push({ time, steps: this.#steps });
    // What comes first warms up: caches fill, kernels are compiled. It is left out as soon as there is something else.
    if (this.#marks.length === 4) this.#marks.shift();
    while (this.#marks.length > 4 && time - this.#marks[1]!.time > WINDOW) this.#marks.shift();
  }

  /** @param part of the validation that is done, 0 to 1; 1 ends it. */
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

  /** Milliseconds a step; undefined before there are two marks. */
  get #stepTime(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.steps <= first.steps) return undefined;
    return (last.time - first.time) / (last.steps - first.steps);
  }

  /** Steps a second lately; 0 before the first. */
  get stepsPerSecond(): number {
    const time = this.#stepTime;
    return time === undefined || time === 0 ? 0 : 1000 / time;
  }

  /** The part of the run that is done, 0 to 1, and the seconds left; null while nobody can tell. */
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
