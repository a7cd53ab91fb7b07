/** Whether a set of named tensors fits a network: what is missing, left over or of another shape. Nothing is ignored. */
import { VggError } from '@vgg/core';

/** A tensor whose shape is not the one that the network has under that name. */
export interface Misshapen {
  readonly name: string;
  readonly expected: readonly number[];
  readonly got: readonly number[];
}

export interface WeightReport {
  /** Names that the network has and the set has in the same shape. */
  readonly loaded: readonly string[];
  /** Names that the set lacks. */
  readonly missing: readonly string[];
  /** Names that the network lacks. */
  readonly leftOver: readonly string[];
  readonly misshapen: readonly Misshapen[];
}

interface Shaped {
  readonly shape: readonly number[];
}

/** Compares the names and shapes that a network expects with those of a set. */
export function compareWeights(expected: ReadonlyMap<string, Shaped>, got: ReadonlyMap<string, Shaped>): WeightReport {
  const [loaded, missing, misshapen]: [string[], string[], Misshapen[]] = [[], [], []];
  for (const [name, { shape }] of expected) {
    const found = got.get(name);
    if (found === undefined) missing.push(name);
    else if (found.shape.join() !== shape.join()) misshapen.push({ name, expected: shape, got: found.shape });
    else loaded.push(name);
  }
  return { loaded, missing, leftOver: [...got.keys()].filter((name) => !expected.has(name)), misshapen };
}

/** Names in one line, the first few of them. */
function listed(entries: readonly string[]): string {
  const shown = entries.slice(0, 4).map((entry) => (entry.length > 100 ? `${entry.slice(0, 97)}...` : entry));
  return entries.length > 4 ? `${shown.join(', ')} and ${entries.length - 4} more` : shown.join(', ');
}

/** @throws VggError `VGG_WEIGHTS`, one line with every kind of misfit, unless the report has none. */
export function checkFit({ missing, leftOver, misshapen }: WeightReport, source: string): void {
  const shapes = misshapen.map(({ name, expected, got }) => `${name} expected [${expected}] got [${got}]`);
  const parts = [
    [missing, 'missing'],
    [leftOver, 'left over'],
    [shapes, 'of another shape'],
  ] as const;
  const misfits = parts.filter(([names]) => names.length > 0);
  if (misfits.length === 0) return;
  const what = misfits.map(([names, how]) => `${names.length} ${how} (${listed(names)})`).join('; ');
  throw new VggError('weights', `${source} does not fit the net: ${what.replace(/[\r\n]/g, ' ')}`, {
    details: { source, missing, leftOver, misshapen },
  });
}

/** @throws VggError `VGG_WEIGHTS` when a weight is NaN or infinite. */
export function checkFinite(name: string, values: Float32Array, source: string): void {
  let sum = 0; // NaN once a value is not finite, else 0.
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum === 0) return;
  throw new VggError('weights', `${source}: ${name} holds numbers that are not finite: its training diverged`);
}
