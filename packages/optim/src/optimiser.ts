/** What optimisers have in common: how a training loop uses them, and what they refuse. */
import { keep, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';

/** What a training loop needs of an optimiser. It owns its velocities, one tensor per variable it has updated. */
export interface Optimiser {
  /** Velocities by variable name, for a checkpoint; the optimiser keeps owning them. Empty before the first step. */
  readonly velocities: ReadonlyMap<string, Tensor>;

  /**
   * Takes copies of saved velocities in place of its own.
   * @throws VggError `VGG_SHAPE` when `variables` are given and one is missing or shaped otherwise.
   */
  loadVelocities(velocities: ReadonlyMap<string, Tensor>, variables?: ReadonlyMap<string, Variable>): void;

  /**
   * One update of every variable that has a gradient. The caller keeps owning the gradients.
   *
   * @param rate the learning rate ε of this step, ≥ 0.
   * @param gradientScale multiplies every gradient first: what `clipScale` gives; 1 unless given.
   * @throws VggError `VGG_ARGUMENT` for a bad rate or a gradient without variable, `VGG_SHAPE` for one of another shape.
   */
  step(
    variables: ReadonlyMap<string, Variable>,
    gradients: ReadonlyMap<string, Tensor>,
    rate: number,
    gradientScale?: number,
  ): void;

  /** Frees the velocities; the next step starts from zero ones. */
  dispose(): void;
}

/** @throws VggError `VGG_ARGUMENT` unless the value is at least 0 and below `below`. */
export function check(what: string, value: number, below = Number.POSITIVE_INFINITY): number {
  if (!(value >= 0 && value < below)) {
    throw new VggError('argument', `expected ${what} in [0, ${below}), got ${value}`);
  }
  return value;
}

/** Refuses what no step can be taken with, before anything is changed: see {@link Optimiser.step}. */
export function checkStep(
  { velocities }: Pick<Optimiser, 'velocities'>,
  ...[variables, gradients, rate, gradientScale = 1]: Parameters<Optimiser['step']>
): void {
  check('a learning rate', rate);
  check('a gradient scale', gradientScale);
  for (const [name, gradient] of gradients) {
    const variable = variables.get(name);
    if (variable === undefined) throw new VggError('argument', `a gradient came for ${name}, which is no variable`);
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

/** Copies that outlive every tidy, by the same names. */
export function copied(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, keep(tensor.clone())]));
}

/** Refuses saved velocities that are not those of `variables`: see {@link Optimiser.loadVelocities}. */
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
