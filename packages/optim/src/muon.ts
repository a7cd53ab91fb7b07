/**
 * Muon (K. Jordan, 2024) for the weights of convolutions: momentum whose step is made orthogonal. The paper knows nothing
 * of it; it needs fewer steps than momentum SGD, each of which costs a few matrix products more.
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
import { check, checkStep, checkVelocities, copied, type Optimiser } from './optimiser';

export interface MuonOptions {
  /** m of the convolutions' weights, in [0, 1); 0.8 unless given. */
  momentum?: number;
  /** The convolutions' rate by the one that a step is given, above 0; 1 unless given: the rate is then what a step turns them by. */
  rateMultiple?: number;
  /** Updates all that is no convolution's weights, and is this optimiser's own from then on; `new MomentumSgd()` unless given. */
  rest?: MomentumSgd;
}

/** The Newton-Schulz iteration on singular values, x ← a·x + b·x³ + c·x⁵, and how often: as in K. Jordan's airbench94_muon. */
const [A, B, C] = [3.4445, -4.775, 2.0315] as const;
const ITERATIONS = 3;
/** The least norm that divides. */
const EPSILON = 1e-7;

/** The weights of convolutions, and the rest. */
function divided(tensors: ReadonlyMap<string, Tensor>): [Map<string, Tensor>, Map<string, Tensor>] {
  const [convolutions, rest] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  for (const [name, tensor] of tensors) (tensor.rank === 4 ? convolutions : rest).set(name, tensor);
  return [convolutions, rest];
}

/** √Σx², at least what may divide. `norm` of TF.js raises to a power, which takes many times as long. */
const size = (x: Tensor): Tensor => maximum(sqrt(sum(square(x))), EPSILON);

/**
 * `[rows, columns]`: its singular vectors, with singular values drawn towards 1. A step x ← x·(a + e), e = b·xᵀx + c·(xᵀx)²,
 * takes xᵀx to xᵀx·(a + e)², so that all steps are taken on matrices of `columns`², and x, which is taller by far, is
 * multiplied once, by their product.
 */
function orthogonalised(x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows < columns) return transpose(orthogonalised(transpose(x)));
  const unit = div(x, size(x));
  let gram = matMul(unit, unit, true);
  // The product of the steps so far is scale + product.
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
 * The optimiser. Weights of convolutions, `[height, width, in, filters]`, are kept at the norm √filters and turned:
 *
 *     v ← m·v + g;  w ← √filters·w/‖w‖ - ε·orthogonalised(g + m·v)
 *
 * where a row of the matrix that is orthogonalised is one number of each filter. There is no weight decay, nor a size of
 * the weights to learn: a layer that normalises must stand behind each such convolution (batch norm does), so that the
 * size of its weights changes nothing. Everything else is updated by momentum SGD.
 *
 * It owns one velocity tensor per variable it has updated; `dispose` frees them.
 */
export class Muon implements Optimiser {
  readonly momentum: number;
  readonly rateMultiple: number;
  readonly rest: MomentumSgd;
  readonly #velocities = new Map<string, Tensor>();

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
    return new Map([...this.#velocities, ...this.rest.velocities]);
  }

  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>): void {
    checkVelocities(velocities, variables);
    const [own, others] = divided(velocities);
    const copies = copied(own);
    this.dispose();
    for (const [name, copy] of copies) this.#velocities.set(name, copy);
    this.rest.loadVelocities(others);
  }

  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale = 1,
  ): void {
    checkStep(this, variables, gradients, rate, gradientScale);
    const [own, others] = divided(gradients);
    for (const [name, gradient] of own) {
      const previous = this.#velocities.get(name);
      this.#velocities.set(name, this.#turn(variables.get(name)!, gradient, previous, rate, gradientScale));
      previous?.dispose();
    }
    this.rest.step(variables, others, rate, gradientScale);
  }

  /** Updates the weights of one convolution; returns its velocity. */
  #turn(
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
      const turn = mul(orthogonalised(ahead), rate * this.rateMultiple);
      const sized = mul(weights, div(Math.sqrt(filters), size(weights)));
      weights.assign(sub(sized, reshape(turn, weights.shape)));
      return keep(velocity);
    });
  }

  dispose(): void {
    for (const velocity of this.#velocities.values()) velocity.dispose();
    this.#velocities.clear();
    this.rest.dispose();
  }
}
