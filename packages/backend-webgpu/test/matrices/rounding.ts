/** Numbers as tensor cores take them: scaled by a power of two, rounded to float16. Own arithmetic in float64. */

const binary = (x: number) => Math.floor(Math.log2(Math.abs(x)));

/** The nearest float16, ties to even. */
export function roundToHalf(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const unit = 2 ** (Math.max(binary(x), -14) - 10);
  const [whole, part] = [Math.floor(x / unit), x / unit - Math.floor(x / unit)];
  const up = part > 0.5 || (part === 0.5 && whole % 2 !== 0);
  return (whole + (up ? 1 : 0)) * unit;
}

/** The numbers of a tensor, each rounded to float16 after the scaling of the whole to below 2^15. */
export function rounded(values: Float32Array): Float64Array {
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const scale = largest === 0 ? 1 : 2 ** Math.min(126, 14 - binary(largest));
  return Float64Array.from(values, (v) => roundToHalf(v * scale) / scale);
}
