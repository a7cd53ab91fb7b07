/**
 * Parts of a kernel's work, which threads take one after the other. No part reads what another writes, and no value depends on
 * the number of parts, so that the bits are the same for any number of threads.
 */

/** Returns the index at which a part of `total` items begins; it is a multiple of `unit`, or `total`. */
export function startOf(part: usize, parts: usize, total: usize, unit: usize): usize {
  const units = (total + unit - 1) / unit;
  return min(((units / parts) * part + ((units % parts) * part) / parts) * unit, total);
}
