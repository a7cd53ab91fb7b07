/** Groups of variables with their own multiples of learning rate and weight decay. */
import { check } from './optimiser';

/** Set of variables with its own multiples of learning rate and weight decay. */
export interface ParameterGroup {
  /** Name in which `*` stands for any characters (`*.bias`, `conv1_*`), or a predicate on names. */
  match: string | ((name: string) => boolean);
  /** Factor of the learning rate; 0 leaves the variables unchanged, without velocity or decay. Default 1. */
  rateMultiple?: number | undefined;
  /** Factor of the weight decay; 0 for no decay. Default 1. */
  decayMultiple?: number | undefined;
}

/**
 * Default groups: weight decay only on weights of convolutions and fully-connected layers, as in Caffe's published
 * nets.
 */
export const DECAY_WEIGHTS_ONLY: readonly ParameterGroup[] = ['*.bias', '*.scale', '*.offset'].map((match) => ({
  match,
  decayMultiple: 0,
}));

/** Returns the factors of learning rate and weight decay of the variable called `name`. */
export type GroupFactors = (name: string) => { readonly rate: number; readonly decay: number };

function matcher(match: ParameterGroup['match']): (name: string) => boolean {
  if (typeof match === 'function') return match;
  const literal = match.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${literal.join('.*')}$`);
  return (name) => pattern.test(name);
}

/**
 * Returns the factors of variables by name: those of the first group that matches, else 1.
 *
 * @throws VggError `VGG_ARGUMENT` for a negative multiple.
 */
export function groupFactors(groups: readonly ParameterGroup[]): GroupFactors {
  const known = groups.map(({ match, rateMultiple = 1, decayMultiple = 1 }) => ({
    matches: matcher(match),
    rate: check('a rate multiple', rateMultiple),
    decay: check('a decay multiple', decayMultiple),
  }));
  return (name) => known.find(({ matches }) => matches(name)) ?? { rate: 1, decay: 1 };
}
