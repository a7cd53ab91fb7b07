/** AdamW (Loshchilov and Hutter, arXiv:1711.05101): Adam with decoupled weight decay. It is not in the paper. */
import { add, div, keep, mul, sqrt, square, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { DECAY_WEIGHTS_ONLY, type GroupFactors, groupFactors, type ParameterGroup } from './groups';
import { check, checkStep, checkVelocities, type Optimiser, Velocities } from './optimiser';

export interface AdamWOptions {
  /** β₁, decay of the mean of the gradients, in [0, 1). Default 0.9. */
  beta1?: number | undefined;
  /** β₂, decay of the mean of their squares, in [0, 1). Default 0.999. */
  beta2?: number | undefined;
  /** Number above 0 that is added to the divisor. Default 1e-8. */
  epsilon?: number | undefined;
  /** λ, at least 0. Default 0.01, as in PyTorch. */
  weightDecay?: number | undefined;
  /**
   * Groups of variables; the first that matches a name counts. `[]` decays everything, as PyTorch does. Default
   * {@link DECAY_WEIGHTS_ONLY}.
   */
  groups?: readonly ParameterGroup[] | undefined;
}

/** Beginning of the names of the means of squares among the velocities. */
const SQUARES = 'squares/';

/**
 * AdamW. After n steps, with g the gradient:
 *
 *     m ← β₁·m + (1 - β₁)·g;  s ← β₂·s + (1 - β₂)·g²
 *     w ← (1 - ε·λ)·w - ε·(m / (1 - β₁ⁿ)) / (√(s / (1 - β₂ⁿ)) + epsilon)
 *
 * It owns two tensors per variable that it has updated, m and s: the velocities `<name>` and `squares/<name>`. `dispose`
 * frees them.
 */
export class AdamW implements Optimiser {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly #groups: GroupFactors;
  readonly #means = new Velocities();
  readonly #squares = new Velocities();
  #steps = 0;

  /** @throws VggError `VGG_ARGUMENT` for a number out of its range. */
  constructor({
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0.01,
    groups = DECAY_WEIGHTS_ONLY,
  }: AdamWOptions = {}) {
    if (!(epsilon > 0)) throw new VggError('argument', `expected an epsilon above 0, got ${epsilon}`);
    this.beta1 = check('a beta1', beta1, 1);
    this.beta2 = check('a beta2', beta2, 1);
    this.epsilon = check('an epsilon', epsilon);
    this.weightDecay = check('a weight decay', weightDecay);
    this.#groups = groupFactors(groups);
  }

  get velocities(): ReadonlyMap<string, Tensor> {
    const squares = [...this.#squares.tensors].map(([name, square]) => [SQUARES + name, square] as const);
    return new Map([...this.#means.tensors, ...squares]);
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>, steps = 0): void {
    const means = new Map<string, Tensor>();
    const squares = new Map<string, Tensor>();
    for (const [name, velocity] of velocities) {
      if (name.startsWith(SQUARES)) squares.set(name.slice(SQUARES.length), velocity);
      else means.set(name, velocity);
    }
    checkVelocities(means, variables);
    checkVelocities(squares, variables);
    this.#means.load(means);
    this.#squares.load(squares);
    this.#steps = steps;
  }

  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale = 1,
  ): void {
    checkStep({ velocities: this.#means.tensors }, variables, gradients, rate, gradientScale);
    this.#steps += 1;
    for (const [name, gradient] of gradients) this.#update(name, variables.get(name)!, gradient, rate, gradientScale);
  }

  #update(name: string, variable: Variable, gradient: Tensor, rate: number, gradientScale: number): void {
    const group = this.#groups(name);
    if (group.rate === 0) return;
    const groupRate = rate * group.rate;
    const kept = 1 - groupRate * this.weightDecay * group.decay;
    const [meanFactor, squareFactor] = [this.beta1, this.beta2].map((beta) => 1 / (1 - beta ** this.#steps));
    const previousMean = this.#means.get(name);
    const previousSquare = this.#squares.get(name);
    const updated = tidy(() => {
      const scaled = gradientScale === 1 ? gradient : mul(gradient, gradientScale);
      const mean = moved(previousMean, scaled, this.beta1);
      const squared = moved(previousSquare, square(scaled), this.beta2);
      const divisor = add(sqrt(mul(squared, squareFactor!)), this.epsilon);
      const change = div(mul(mean, -groupRate * meanFactor!), divisor);
      variable.assign(add(kept === 1 ? variable : mul(variable, kept), change));
      return { mean: keep(mean), squared: keep(squared) };
    });
    this.#means.set(name, updated.mean);
    this.#squares.set(name, updated.squared);
  }

  dispose(): void {
    this.#means.dispose();
    this.#squares.dispose();
    this.#steps = 0;
  }
}

/** Returns β·average + (1 - β)·value; an average that does not exist yet is 0. */
function moved(average: Tensor | undefined, value: Tensor, beta: number): Tensor {
  const added = mul(value, 1 - beta);
  return average === undefined ? added : add(mul(average, beta), added);
}
