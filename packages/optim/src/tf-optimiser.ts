/** Optimisers of TF.js (`tf.train.adam()`) in a training loop of this project. */
import { dispose, mul, type Optimizer, scalar, type Tensor, tidy, Variable, variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { checkStep, checkVelocities, type Optimiser } from './optimiser';

/** Tensor that an optimiser of TF.js keeps for a variable; its place in a list is that of the variable. */
interface Slot {
  originalName: string;
  variable: Variable;
}

/**
 * Fields of the optimisers of TF.js. Their types hide them, and their own way to read their state is asynchronous and lacks Adamax; they are the
 * same in all of 4.x, the peer of this package.
 */
type Fields = Record<string, unknown>;

/** Powers of β that Adam and Adamax multiply at each step, and their βs. */
const POWERS = { accBeta1: 'beta1', accBeta2: 'beta2' } as const;

/** Returns β to the power `steps` + 1, rounded after each product, as TF.js computes it. */
function powerOf(beta: number, steps: number): number {
  let power = Math.fround(beta);
  for (let i = 0; i < steps; i++) power = Math.fround(power * Math.fround(beta));
  return power;
}

class TfOptimiser implements Optimiser {
  readonly #optimiser: Optimizer;
  readonly #fields: Fields;
  /** Names of the lists of slots, one list for each moment. */
  readonly #lists: readonly string[];
  /** Names of the variables in the order of the slots. */
  #names: readonly string[] = [];

  constructor(optimiser: Optimizer) {
    this.#optimiser = optimiser;
    this.#fields = optimiser as unknown as Fields;
    this.#lists = Object.keys(this.#fields).filter(
      (key) => key.startsWith('accum') && Array.isArray(this.#fields[key]),
    );
  }

  get velocities(): ReadonlyMap<string, Tensor> {
    const velocities = new Map<string, Tensor>();
    for (const list of this.#lists) {
      for (const [i, slot] of this.#slots(list).entries()) velocities.set(`${list}/${this.#names[i]}`, slot.variable);
    }
    return velocities;
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>, steps = 0): void {
    const lists = new Map<string, Map<string, Tensor>>(this.#lists.map((list) => [list, new Map()]));
    for (const [key, velocity] of velocities) {
      const list = key.slice(0, key.indexOf('/'));
      const tensors = lists.get(list);
      if (tensors === undefined) {
        const known = this.#lists.join(', ') || 'none';
        throw new VggError(
          'shape',
          `expected velocities of the optimiser (${known}), got ${key}: it is of another one`,
        );
      }
      tensors.set(key.slice(list.length + 1), velocity);
    }
    for (const tensors of lists.values()) checkVelocities(tensors, variables);
    this.dispose();
    for (const [list, tensors] of lists) {
      this.#fields[list] = [...tensors].map(([name, value]): Slot => {
        // Multiplied by 1: a variable shares the memory of its initial value.
        return { originalName: name, variable: tidy(() => variable(mul(value, 1), false)) };
      });
      if (tensors.size > 0) this.#names = [...tensors.keys()];
    }
    this.#count(steps);
  }

  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale = 1,
  ): void {
    checkStep({ velocities: new Map() }, variables, gradients, rate, gradientScale);
    const names = [...gradients.keys()];
    const kept = this.#lists.some((list) => this.#slots(list).length > 0);
    if (kept && this.#names.join() !== names.join()) {
      throw new VggError(
        'state',
        `expected gradients of the same ${this.#names.length} variables as in earlier steps, got ${names.length}: ` +
          'dispose this optimiser after freezing or replacing a layer',
      );
    }
    this.#names = names;
    this.#setRate(rate);
    tidy(() => {
      const named = [...gradients].map(([name, gradient]) => ({
        name: variables.get(name)!.name,
        tensor: gradientScale === 1 ? gradient : mul(gradient, gradientScale),
      }));
      this.#optimiser.applyGradients(named);
    });
  }

  dispose(): void {
    for (const list of this.#lists) {
      dispose(this.#slots(list).map((slot) => slot.variable));
      this.#fields[list] = [];
    }
    this.#names = [];
    this.#count(0);
  }

  #slots(list: string): readonly Slot[] {
    return this.#fields[list] as Slot[];
  }

  #setRate(rate: number): void {
    const { setLearningRate, learningRate } = this.#fields;
    if (learningRate === rate) return;
    if (typeof setLearningRate === 'function') setLearningRate.call(this.#optimiser, rate);
    else this.#fields.learningRate = rate;
  }

  /** Sets what TF.js computes from the number of steps. */
  #count(steps: number): void {
    this.#fields.iterations_ = steps;
    tidy(() => {
      for (const [power, beta] of Object.entries(POWERS)) {
        const value = this.#fields[power];
        if (value instanceof Variable) value.assign(scalar(powerOf(this.#fields[beta] as number, steps)));
      }
      const { iteration } = this.#fields;
      if (iteration instanceof Variable) iteration.assign(scalar(steps));
    });
  }
}

/**
 * Returns an optimiser of TF.js for `fit`, `fineTune` and `trainStep`: `tfOptimiser(tf.train.adam(0))`. The schedule of the run
 * sets its learning rate. Its accumulators are the velocities `<list>/<variable>` of checkpoints, so a resumed run continues
 * to the bit. There is no weight decay and there are no groups.
 *
 * `dispose` frees the accumulators; the optimiser of TF.js stays usable, and the caller disposes it.
 *
 * @throws VggError `VGG_ARGUMENT` for something that is not an optimiser of TF.js.
 */
export function tfOptimiser(optimiser: Optimizer): Optimiser {
  if (typeof optimiser?.applyGradients !== 'function') {
    throw new VggError('argument', 'expected an optimiser of TF.js, such as tf.train.adam(0.001)');
  }
  return new TfOptimiser(optimiser);
}
