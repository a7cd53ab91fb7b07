/**
 * Muon (K. Jordan, 2024) for the weights of convolutions: momentum with orthogonalised updates. It is not in the paper.
 * It needs fewer steps than momentum SGD, and a few matrix products more per step.
 */
import {
  add,
  div,
  keep,
  matMul,
  maximum,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  transpose,
  type Variable,
} from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { MomentumSgd } from './momentum-sgd';
import { check, checkStep, checkVelocities, type Optimiser, Velocities } from './optimiser';

export interface MuonOptions {
  /** m for the weights of convolutions, in [0, 1). Default 0.8. */
  momentum?: number | undefined;
  /** Factor, above 0, of the learning rate of convolutions. Default 1. */
  rateMultiple?: number | undefined;
  /** Optimiser of all other variables. Muon takes ownership and disposes it. Default `new MomentumSgd()`. */
  rest?: MomentumSgd | undefined;
}

/**
 * Coefficients of the Newton-Schulz iteration on singular values, x ← A·x + B·x³ + C·x⁵: those of K. Jordan's
 * airbench94_muon.
 */
const A = 3.4445;
const B = -4.775;
const C = 2.0315;
/** Number of iterations, as in airbench94_muon. */
const ITERATIONS = 3;
/** Smallest norm used as a divisor. */
const EPSILON = 1e-7;

/** Separates the weights of convolutions from all other tensors. */
function split(tensors: ReadonlyMap<string, Tensor>) {
  const convolutions = new Map<string, Tensor>();
  const others = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) (tensor.rank === 4 ? convolutions : others).set(name, tensor);
  return { convolutions, others };
}

/** Returns √Σx², at least `EPSILON`. TF.js's `norm` computes a power, which takes many times as long. */
function normOf(x: Tensor): Tensor {
  return maximum(sqrt(sum(square(x))), EPSILON);
}

/**
 * Returns a matrix [rows, columns] with the same singular vectors and singular values near 1. An iteration is
 * x ← x·(A + e) with e = B·xᵀx + C·(xᵀx)², and changes xᵀx to xᵀx·(A + e)². So all iterations work on matrices of
 * [columns, columns], and x, which has many more rows, is multiplied only once, by their product.
 */
function orthogonalise(x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows < columns) return transpose(orthogonalise(transpose(x)));
  const unit = div(x, normOf(x));
  let gram = matMul(unit, unit, true);
  // The product of the iterations so far is scale + product.
  let scale = 1;
  let product: Tensor | undefined;
  for (let i = 0; i < ITERATIONS; i++) {
    const even = add(mul(gram, B), mul(matMul(gram, gram), C));
    const times = (y: Tensor) => add(mul(y, A), matMul(y, even));
    product = product === undefined ? even : add(times(product), mul(even, scale));
    scale *= A;
    if (i < ITERATIONS - 1) gram = times(times(gram));
  }
  return add(mul(unit, scale), matMul(unit, product!));
}

/**
 * Muon. The weights of a convolution, [height, width, in, filters], are updated with a constant norm of √filters:
 *
 *     v ← m·v + g;  w ← √filters·w/‖w‖ - ε·orthogonalise(g + m·v)
 *
 * The matrix is [height · width · in, filters]. It has no weight decay, and the norm of the weights is not learned.
 * So batch norm must follow each convolution, which makes the norm of its weights irrelevant. Momentum SGD updates all
 * other variables.
 *
 * It owns one velocity tensor per variable that it has updated; `dispose` frees them.
 */
export class Muon implements Optimiser {
  readonly momentum: number;
  readonly rateMultiple: number;
  readonly rest: MomentumSgd;
  readonly #velocities = new Velocities();

  /** @throws VggError `VGG_ARGUMENT` for a number out of its range. */
  constructor({ momentum = 0.8, rateMultiple = 1, rest = new MomentumSgd() }: MuonOptions = {}) {
    if (!(rateMultiple > 0 && rateMultiple < Number.POSITIVE_INFINITY)) {
      throw new VggError('argument', `expected a rate multiple above 0, got ${rateMultiple}`);
    }
    this.momentum = check('a momentum', momentum, 1);
    this.rateMultiple = rateMultiple;
    this.rest = rest;
  }

  get velocities(): ReadonlyMap<string, Tensor> {
    return new Map([...this.#velocities.tensors, ...this.rest.velocities]);
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>): void {
    checkVelocities(velocities, variables);
    const { convolutions, others } = split(velocities);
    this.#velocities.load(convolutions);
    this.rest.loadVelocities(others);
  }

  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale = 1,
  ): void {
    checkStep(this, variables, gradients, rate, gradientScale);
    const { convolutions, others } = split(gradients);
    for (const [name, gradient] of convolutions) {
      const previous = this.#velocities.get(name);
      this.#velocities.set(name, this.#update(variables.get(name)!, gradient, previous, rate, gradientScale));
    }
    this.rest.step(variables, others, rate, gradientScale);
  }

  /** Updates the weights of one convolution and returns its new velocity. */
  #update(
    weights: Variable,
    gradient: Tensor,
    previous: Tensor | undefined,
    rate: number,
    gradientScale: number,
  ): Tensor {
    return tidy(() => {
      const scaled = mul(gradient, gradientScale);
      const velocity = previous === undefined ? scaled : add(mul(previous, this.momentum), scaled);
      const filters = weights.shape.at(-1)!;
      const ahead = reshape(add(scaled, mul(velocity, this.momentum)), [-1, filters]);
      const update = mul(orthogonalise(ahead), rate * this.rateMultiple);
      const normalised = mul(weights, div(Math.sqrt(filters), normOf(weights)));
      weights.assign(sub(normalised, reshape(update, weights.shape)));
      return keep(velocity);
    });
  }

  dispose(): void {
    this.#velocities.dispose();
    this.rest.dispose();
  }
}
