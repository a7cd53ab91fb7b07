/** Minimisation of a smooth function by L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.5). */
import { dot } from './descriptors';
import { addScaled } from './examples';

/** Function to minimise: returns its value at `x` and writes its gradient. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** Options of {@link minimise}. */
export interface MinimiseOptions {
  /** Length of the gradient at the end. */
  readonly tolerance: number;
  /** Largest number of steps. */
  readonly maxSteps: number;
  /** Called after each step; it may wait, or throw to stop. */
  readonly onStep?: ((step: number) => void | Promise<void>) | undefined;
}

/** Number of steps from which the curvature is estimated. */
const MEMORY = 10;

/** Difference of two points and of their gradients, and 1 / (their product). */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/** Returns minus the product of the estimated inverse of the Hessian and the gradient. */
function directionOf(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const factors: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i]!;
    const factor = rho * dot(s, direction);
    factors.push(factor);
    addScaled(direction, -factor, y);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { s, y, rho } of pairs) addScaled(direction, factors.pop()! - rho * dot(y, direction), s);
  return direction;
}

/** Minimises a function from `x`, which is changed to the minimum. */
export async function minimise(
  objective: Objective,
  x: Float64Array,
  { tolerance, maxSteps, onStep }: MinimiseOptions,
): Promise<void> {
  let gradient = new Float64Array(x.length);
  let value = objective(x, gradient);
  const pairs: Pair[] = [];
  for (let step = 0; step < maxSteps && dot(gradient, gradient) > tolerance ** 2; step++) {
    const direction = directionOf(gradient, pairs);
    const slope = dot(direction, gradient);
    let size = step === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const next = new Float64Array(x.length);
    const nextGradient = new Float64Array(x.length);
    let nextValue = 0;
    for (let tries = 0; ; tries++) {
      for (let i = 0; i < x.length; i++) next[i] = x[i]! + size * direction[i]!;
      nextValue = objective(next, nextGradient);
      if (nextValue <= value + 1e-4 * size * slope) break;
      // Rounding errors hide any further decrease.
      if (tries === 30) return;
      size /= 2;
    }
    const s = next.map((entry, i) => entry - x[i]!);
    const y = nextGradient.map((entry, i) => entry - gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 0) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > MEMORY) pairs.shift();
    x.set(next);
    gradient = nextGradient;
    value = nextValue;
    await onStep?.(step + 1);
  }
}
