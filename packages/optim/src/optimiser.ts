/** Interface of optimisers, and the velocities and checks that they share. */
import { keep, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** Optimiser as a training loop uses it. It owns its velocities, one tensor or more per variable that it has updated. */
export interface Optimiser {
  /**
   * Velocities for a checkpoint, by variable name; further tensors of a variable have a prefix that ends in `/`. The
   * optimiser owns them. Empty before the first step.
   */
  readonly velocities: ReadonlyMap<string, Tensor>;

  /**
   * Replaces the velocities by copies of saved ones.
   *
   * @param variables variables to check the velocities against. Default no check.
   * @param steps number of steps that led to them. Only optimisers that count their steps need it. Default 0.
   * @throws VggError `VGG_SHAPE` if a velocity has no variable or another shape.
   */
  loadVelocities(
    velocities: ReadonlyMap<string, Tensor>,
    variables?: ReadonlyMap<string, Variable>,
    steps?: number,
  ): void;

  /**
   * Updates every variable that has a gradient. The caller still owns the gradients.
   *
   * @param rate learning rate ε of this step, at least 0.
   * @param gradientScale factor of all gradients, as of `clipScale`. Default 1.
   * @throws VggError `VGG_ARGUMENT` for a bad rate, a gradient without a variable or a variable with two names, `VGG_SHAPE`
   *   for a gradient of another shape.
   */
  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale?: number,
  ): void;

  /** Disposes the velocities. The next step starts with velocities of zero. */
  dispose(): void;
}

/** Returns the value. Throws VggError `VGG_ARGUMENT` unless it is at least 0 and below `below`. */
export function check(what: string, value: number, below = Number.POSITIVE_INFINITY): number {
  if (!(value >= 0 && value < below)) {
    throw new VggError('argument', `expected ${what} in [0, ${below}), got ${value}`);
  }
  return value;
}

/**
 * Throws if one variable has two names: it would be updated twice.
 *
 * @throws VggError `VGG_ARGUMENT` with both names.
 */
export function checkOneName(variables: ReadonlyMap<string, Variable>): void {
  const names = new Map<Variable, string>();
  for (const [name, variable] of variables) {
    const other = names.get(variable);
    if (other !== undefined) {
      throw new VggError(
        'argument',
        `expected one name for each variable, got ${other} and ${name} for one: list it once`,
      );
    }
    names.set(variable, name);
  }
}

/** Throws the errors of {@link Optimiser.step}, before anything is changed. */
export function checkStep(
  { velocities }: Pick<Optimiser, 'velocities'>,
  ...[variables, gradients, rate, gradientScale = 1]: Parameters<Optimiser['step']>
): void {
  check('a learning rate', rate);
  check('a gradient scale', gradientScale);
  checkOneName(variables);
  for (const [name, gradient] of gradients) {
    const variable = variables.get(name);
    if (variable === undefined)
      throw new VggError('argument', `got a gradient for ${name}, which is not a variable of this step`);
    if (variable.shape.join() !== gradient.shape.join()) {
      throw new VggError('shape', `gradient of ${name}: expected shape [${variable.shape}], got [${gradient.shape}]`);
    }
    const velocity = velocities.get(name);
    if (velocity !== undefined && velocity.shape.join() !== variable.shape.join()) {
      const shapes = `[${variable.shape}], got [${velocity.shape}]`;
      throw new VggError('shape', `velocity of ${name}: expected shape ${shapes}: dispose it after replacing a layer`);
    }
  }
}

/** Velocities of an optimiser by variable name. It owns one tensor each. */
export class Velocities {
  readonly #tensors = new Map<string, Tensor>();

  get tensors(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  get(name: string): Tensor | undefined {
    return this.#tensors.get(name);
  }

  /** Takes ownership of a new velocity, which must outlive every `tidy`, and disposes the previous one. */
  set(name: string, velocity: Tensor): void {
    this.#tensors.get(name)?.dispose();
    this.#tensors.set(name, velocity);
  }

  /** Replaces all velocities by copies of saved ones. */
  load(velocities: ReadonlyMap<string, Tensor>): void {
    const copies = [...velocities].map(([name, velocity]) => [name, keep(velocity.clone())] as const);
    this.dispose();
    for (const [name, copy] of copies) this.#tensors.set(name, copy);
  }

  dispose(): void {
    for (const velocity of this.#tensors.values()) velocity.dispose();
    this.#tensors.clear();
  }
}

/** Throws the errors of {@link Optimiser.loadVelocities}. */
export function checkVelocities(...[velocities, variables]: Parameters<Optimiser['loadVelocities']>): void {
  if (variables === undefined) return;
  for (const [name, velocity] of velocities) {
    const shape = variables.get(name)?.shape;
    if (shape?.join() !== velocity.shape.join()) {
      const expected = shape === undefined ? 'no such variable' : `shape [${shape}]`;
      throw new VggError('shape', `velocity of ${name}: expected ${expected}, got shape [${velocity.shape}]`);
    }
  }
}
