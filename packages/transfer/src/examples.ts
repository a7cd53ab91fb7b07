/** Products of descriptors with vectors, in float64. The vectors have a last number for the intercept. */
import type { Descriptors } from './descriptors';

/** Descriptors in float64. */
export interface Examples {
  readonly values: Float64Array;
  readonly width: number;
}

export function examplesOf({ values, width }: Descriptors): Examples {
  return { values: Float64Array.from(values), width };
}

/** Adds factor · other to a vector. */
export function addScaled(target: Float64Array, factor: number, other: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * other[i]!;
}

/** Returns w · x plus the intercept for each row x. Four rows at once share the numbers of w. */
export function products({ values, width }: Examples, rows: Uint32Array, w: Float64Array): Float64Array {
  const result = new Float64Array(rows.length).fill(w[width]!);
  const whole = rows.length - (rows.length % 4);
  for (let i = 0; i < whole; i += 4) {
    const a = rows[i]! * width;
    const b = rows[i + 1]! * width;
    const c = rows[i + 2]! * width;
    const d = rows[i + 3]! * width;
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    for (let j = 0; j < width; j++) {
      const factor = w[j]!;
      sumA += factor * values[a + j]!;
      sumB += factor * values[b + j]!;
      sumC += factor * values[c + j]!;
      sumD += factor * values[d + j]!;
    }
    result[i]! += sumA;
    result[i + 1]! += sumB;
    result[i + 2]! += sumC;
    result[i + 3]! += sumD;
  }
  for (let i = whole; i < rows.length; i++) {
    const start = rows[i]! * width;
    let sum = 0;
    for (let j = 0; j < width; j++) sum += w[j]! * values[start + j]!;
    result[i]! += sum;
  }
  return result;
}

/** Returns the sum of factor · x over rows x, with the sum of the factors as the last number. Four rows at once. */
export function weightedSum({ values, width }: Examples, rows: Uint32Array, factors: Float64Array): Float64Array {
  const result = new Float64Array(width + 1);
  const whole = rows.length - (rows.length % 4);
  for (let i = 0; i < whole; i += 4) {
    const a = rows[i]! * width;
    const b = rows[i + 1]! * width;
    const c = rows[i + 2]! * width;
    const d = rows[i + 3]! * width;
    const factorA = factors[i]!;
    const factorB = factors[i + 1]!;
    const factorC = factors[i + 2]!;
    const factorD = factors[i + 3]!;
    for (let j = 0; j < width; j++) {
      result[j]! +=
        factorA * values[a + j]! + factorB * values[b + j]! + (factorC * values[c + j]! + factorD * values[d + j]!);
    }
  }
  for (let i = whole; i < rows.length; i++) {
    const start = rows[i]! * width;
    const factor = factors[i]!;
    for (let j = 0; j < width; j++) result[j]! += factor * values[start + j]!;
  }
  for (const factor of factors) result[width]! += factor;
  return result;
}
