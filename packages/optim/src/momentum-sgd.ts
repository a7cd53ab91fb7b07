/** Mini-batch gradient descent with momentum and L2 weight decay (section 3.1). */
import { add, keep, mul, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { backendKernel } from './backend-kernel';
import { DECAY_WEIGHTS_ONLY, type GroupFactors, groupFactors, type ParameterGroup } from './groups';
import { check, checkStep, checkVelocities, type Optimiser, Velocities } from './optimiser';

export interface MomentumSgdOptions {
  /**
   * `caffe`, as in the paper: v ← m·v - ε·(g + λ·w); w ← w + v.
   * `pytorch`: v ← m·v + g + λ·w; w ← w - ε·v. The two differ once the rate ε changes. Default `caffe`.
   */
  rule?: 'caffe' | 'pytorch' | undefined;
  /** m in [0, 1). Default 0.9. */
  momentum?: number | undefined;
  /** λ, at least 0. Default 5e-4. */
  weightDecay?: number | undefined;
  /**
   * Groups of variables; the first that matches a name counts. `[]` decays everything. Default
   * {@link DECAY_WEIGHTS_ONLY}.
   */
  groups?: readonly ParameterGroup[] | undefined;
}

/** Returns sum + factor · x and disposes `sum`, since intermediate values of the largest variables take much memory. */
function addScaled(sum: Tensor, x: Tensor, factor: number): Tensor {
  const result = tidy(() => add(sum, mul(x, factor)));
  sum.dispose();
  return result;
}

/** Factors of an update: v ← a·gradient + b·weights + m·velocity; weights ← weights + c·v. */
interface Factors {
  a: number;
  b: number;
  m: number;
  c: number;
}

/**
 * Returns weights and velocity after a step. A backend's kernel has the factors as attributes, and may reuse the memory of its inputs.
 * That of `@vgg/backend-onednn` rounds as the operations do, so the bits are the same.
 */
function updateOf(weights: Tensor, gradient: Tensor, velocity: Tensor | undefined, { a, b, m, c }: Factors) {
  const onePass = backendKernel('MomentumSgd');
  if (onePass !== undefined) {
    const [w, v] = onePass(velocity === undefined ? { weights, gradient } : { weights, gradient, velocity }, {
      a,
      b,
      m,
      c,
    });
    return { weights: w!, velocity: v! };
  }
  let sum = a === 1 ? gradient.clone() : mul(gradient, a);
  if (b !== 0) sum = addScaled(sum, weights, b);
  if (velocity !== undefined) sum = addScaled(sum, velocity, m);
  return { weights: tidy(() => add(weights, c === 1 ? sum : mul(sum, c))), velocity: sum };
}

/** Momentum SGD. It owns one velocity tensor per variable that it has updated; `dispose` frees them. */
export class MomentumSgd implements Optimiser {
  readonly rule: 'caffe' | 'pytorch';
  readonly momentum: number;
  readonly weightDecay: number;
  readonly #groups: GroupFactors;
  readonly #velocities = new Velocities();

  /** @throws VggError `VGG_ARGUMENT` for a number out of its range. */
  constructor({
    rule = 'caffe',
    momentum = 0.9,
    weightDecay = 5e-4,
    groups = DECAY_WEIGHTS_ONLY,
  }: MomentumSgdOptions = {}) {
    if (rule !== 'caffe' && rule !== 'pytorch') {
      throw new VggError('argument', `expected the rule "caffe" or "pytorch", got "${rule}"`);
    }
    this.rule = rule;
    this.momentum = check('a momentum', momentum, 1);
    this.weightDecay = check('a weight decay', weightDecay);
    this.#groups = groupFactors(groups);
  }

  get velocities(): ReadonlyMap<string, Tensor> {
    return this.#velocities.tensors;
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>): void {
    checkVelocities(velocities, variables);
    this.#velocities.load(velocities);
  }

  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale = 1,
  ): void {
    checkStep(this, variables, gradients, rate, gradientScale);
    for (const [name, gradient] of gradients) this.#update(name, variables.get(name)!, gradient, rate, gradientScale);
  }

  #update(name: string, variable: Variable, gradient: Tensor, rate: number, gradientScale: number): void {
    const group = this.#groups(name);
    const groupRate = rate * group.rate;
    const decay = this.weightDecay * group.decay;
    if (group.rate === 0) return;
    // In Caffe's rule the velocity includes the rate and its sign.
    const inside = this.rule === 'caffe' ? -groupRate : 1;
    const factors = {
      a: inside * gradientScale,
      b: inside * decay,
      m: this.momentum,
      c: this.rule === 'caffe' ? 1 : -groupRate,
    };
    const previous = this.#velocities.get(name);
    const velocity = tidy(() => {
      const updated = updateOf(variable, gradient, previous, factors);
      variable.assign(updated.weights);
      return keep(updated.velocity);
    });
    this.#velocities.set(name, velocity);
  }

  dispose(): void {
    this.#velocities.dispose();
  }
}
