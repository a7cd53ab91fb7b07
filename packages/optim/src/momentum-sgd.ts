/** Mini-batch gradient descent with momentum and L2 weight decay (section 3.1). */
import { add, engine, getKernel, keep, mul, type Tensor, tidy, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { check, checkStep, checkVelocities, copied, type Optimiser } from './optimiser';

/**
 * A set of variables with its own multiples of rate and decay. `match` is a name, in which `*` stands for any run of
 * characters (`*.bias`, `conv1_*`), or a predicate on names.
 */
export interface ParameterGroup {
  match: string | ((name: string) => boolean);
  /** Multiplies the learning rate; 0 leaves the variables as they are, without velocity or decay. 1 unless given. */
  rateMultiple?: number;
  /** Multiplies the weight decay; 0 for none. 1 unless given. */
  decayMultiple?: number;
}

/** The default groups: L2 on the weights of convolutions and fully-connected layers only, as Caffe's published nets do. */
export const DECAY_WEIGHTS_ONLY: readonly ParameterGroup[] = ['*.bias', '*.scale', '*.offset'].map((match) => ({
  match,
  decayMultiple: 0,
}));

export interface MomentumSgdOptions {
  /**
   * `caffe` (default), the paper's: v ← m·v - ε·(g + λ·w); w ← w + v.
   * `pytorch`: v ← m·v + g + λ·w; w ← w - ε·v. The two part once the rate ε changes.
   */
  rule?: 'caffe' | 'pytorch';
  /** m in [0, 1), 0.9 unless given. */
  momentum?: number;
  /** λ ≥ 0, 5e-4 unless given. */
  weightDecay?: number;
  /** The first group that matches a variable's name counts; {@link DECAY_WEIGHTS_ONLY} unless given, `[]` decays everything. */
  groups?: readonly ParameterGroup[];
}

function matcher(match: ParameterGroup['match']): (name: string) => boolean {
  if (typeof match === 'function') return match;
  const literal = match.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${literal.join('.*')}$`);
  return (name) => pattern.test(name);
}

/** sum + factor · x. Frees `sum` at once: of the largest variable, each intermediate value counts. */
function addScaled(sum: Tensor, x: Tensor, factor: number): Tensor {
  const result = tidy(() => add(sum, mul(x, factor)));
  sum.dispose();
  return result;
}

/** v = a·gradient + b·weights + m·velocity; weights + c·v. */
interface Factors {
  a: number;
  b: number;
  m: number;
  c: number;
}

/**
 * The kernel of backends that update weights and velocity in one pass over memory (`@vgg/backend-onednn`), which has the
 * factors for attributes and takes its inputs over. It rounds as the operations below do: the bits are the same.
 */
const ONE_PASS = 'MomentumSgd';

/** The weights and velocity behind a step. */
function moved(weights: Tensor, gradient: Tensor, velocity: Tensor | undefined, { a, b, m, c }: Factors) {
  if (getKernel(ONE_PASS, engine().backendName) !== undefined) {
    const inputs = velocity === undefined ? { weights, gradient } : { weights, gradient, velocity };
    const [w, v] = engine().runKernel(ONE_PASS, inputs, { a, b, m, c }) as Tensor[];
    return { weights: w!, velocity: v! };
  }
  let sum = a === 1 ? gradient.clone() : mul(gradient, a);
  if (b !== 0) sum = addScaled(sum, weights, b);
  if (velocity !== undefined) sum = addScaled(sum, velocity, m);
  return { weights: tidy(() => add(weights, c === 1 ? sum : mul(sum, c))), velocity: sum };
}

/** The optimiser. It owns one velocity tensor per variable it has updated; `dispose` frees them. */
export class MomentumSgd implements Optimiser {
  readonly rule: 'caffe' | 'pytorch';
  readonly momentum: number;
  readonly weightDecay: number;
  readonly #groups: readonly { matches: (name: string) => boolean; rate: number; decay: number }[];
  readonly #velocities = new Map<string, Tensor>();

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
    this.#groups = groups.map(({ match, rateMultiple = 1, decayMultiple = 1 }) => ({
      matches: matcher(match),
      rate: check('a rate multiple', rateMultiple),
      decay: check('a decay multiple', decayMultiple),
    }));
  }

  get velocities(): ReadonlyMap<string, Tensor> {
    return this.#velocities;
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>): void {
    checkVelocities(velocities, variables);
    const copies = copied(velocities);
    this.dispose();
    for (const [name, copy] of copies) this.#velocities.set(name, copy);
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
    const group = this.#groups.find(({ matches }) => matches(name));
    const groupRate = rate * (group?.rate ?? 1);
    const decay = this.weightDecay * (group?.decay ?? 1);
    if (group?.rate === 0) return;
    // In Caffe's rule the rate is inside the velocity: fold its sign and size into the two scalars.
    const inside = this.rule === 'caffe' ? -groupRate : 1;
    const factors = {
      a: inside * gradientScale,
      b: inside * decay,
      m: this.momentum,
      c: this.rule === 'caffe' ? 1 : -groupRate,
    };
    const previous = this.#velocities.get(name);
    const velocity = tidy(() => {
      const updated = moved(variable, gradient, previous, factors);
      variable.assign(updated.weights);
      return keep(updated.velocity);
    });
    previous?.dispose();
    this.#velocities.set(name, velocity);
  }

  dispose(): void {
    for (const velocity of this.#velocities.values()) velocity.dispose();
    this.#velocities.clear();
  }
}
