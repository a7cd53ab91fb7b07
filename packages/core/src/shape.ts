/** Returns the number of elements of a tensor: the product of the sides of its shape, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
