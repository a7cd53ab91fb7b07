import { VggError } from './errors';

/**
 * Throws unless `value` is a safe integer of at least `min`.
 *
 * @param name the value as the message calls it: `epochs`, `the batch of a summary`.
 * @throws VggError `VGG_ARGUMENT`.
 */
export function requireInteger(name: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new VggError('argument', `expected ${name} to be an integer of at least ${min}, got ${value}`);
}
