/** Comparison of named tensors with a net: missing tensors, extra tensors and different shapes. Nothing is ignored. */
import { VggError } from '@vgg/core';

/** Tensor whose shape is not that of the net's variable of the same name. */
export interface Misshapen {
  readonly name: string;
  readonly expected: readonly number[];
  readonly got: readonly number[];
}

/** Result of comparing named tensors with a net. */
export interface WeightReport {
  /** Names of tensors that the net has in the same shape. */
  readonly loaded: readonly string[];
  /** Names of the net's variables for which there is no tensor. */
  readonly missing: readonly string[];
  /** Names of tensors that the net does not have. */
  readonly leftOver: readonly string[];
  readonly misshapen: readonly Misshapen[];
}

interface Shaped {
  readonly shape: readonly number[];
}

/** Returns the tensors whose names start with a prefix, by their names without it. */
export function selectTensors<T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const matches = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(matches.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Compares the names and shapes that a net expects with those of a set of tensors. */
export function compareWeights(expected: ReadonlyMap<string, Shaped>, got: ReadonlyMap<string, Shaped>): WeightReport {
  const loaded: string[] = [];
  const missing: string[] = [];
  const misshapen: Misshapen[] = [];
  for (const [name, { shape }] of expected) {
    const tensor = got.get(name);
    if (tensor === undefined) missing.push(name);
    else if (tensor.shape.join() !== shape.join()) misshapen.push({ name, expected: shape, got: tensor.shape });
    else loaded.push(name);
  }
  return { loaded, missing, leftOver: [...got.keys()].filter((name) => !expected.has(name)), misshapen };
}

/** Formats the first few names as one line. */
function list(entries: readonly string[]): string {
  const first = entries.slice(0, 4).map((entry) => (entry.length > 100 ? `${entry.slice(0, 97)}...` : entry));
  return entries.length > 4 ? `${first.join(', ')} and ${entries.length - 4} more` : first.join(', ');
}

/** @throws VggError `VGG_WEIGHTS`, one line with every kind of difference, unless the report has none. */
export function checkFit({ missing, leftOver, misshapen }: WeightReport, source: string): void {
  const shapes = misshapen.map(({ name, expected, got }) => `${name} expected [${expected}] got [${got}]`);
  const parts = [
    [missing, 'missing'],
    [leftOver, 'left over'],
    [shapes, 'of another shape'],
  ] as const;
  const misfits = parts.filter(([names]) => names.length > 0);
  if (misfits.length === 0) return;
  const what = misfits.map(([names, how]) => `${names.length} ${how} (${list(names)})`).join('; ');
  throw new VggError('weights', `${source} does not fit the net: ${what.replace(/[\r\n]/g, ' ')}`, {
    details: { source, missing, leftOver, misshapen },
  });
}

/** True if no value is NaN or infinite. */
export function isFiniteArray(values: Float32Array): boolean {
  // Each sum is NaN after a value that is not finite, otherwise 0. Four sums, so that no addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  for (let i = whole; i < values.length; i++) a += values[i]! * 0;
  return a + b + c + d === 0;
}

/** @throws VggError `VGG_WEIGHTS` when a weight is NaN or infinite. */
export function checkFinite(name: string, values: Float32Array, source: string): void {
  if (!isFiniteArray(values)) throw notFinite(name, source);
}

/** Returns the error of weights that are not finite. */
export function notFinite(name: string, source: string): VggError {
  return new VggError('weights', `${source}: ${name} holds numbers that are not finite: its training diverged`);
}
