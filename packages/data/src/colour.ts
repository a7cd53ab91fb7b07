/**
 * Shifts the colours of an image at random along the principal components of the training set (section 3.1, after Krizhevsky
 * 2012, section 4.1), and subtracts the mean of the training set (section 2.1).
 *
 * The eigenvalues are those of pixel values on the 0..1 scale. On that scale the shift `p·αλ` has the size that AlexNet reports.
 * Images are on the 0..255 scale here, so the shift is multiplied by 255.
 */
import type { RandomStream } from '@vgg/core';
import { checkImage, type FloatImage, type Rgb } from './image';

/** Principal components of a training set's RGB values. Plain JSON. */
export interface ColourShift {
  /** Eigenvalues of the covariance of RGB on the 0..1 scale, largest first. */
  readonly values: Rgb;
  /** Unit eigenvectors: row `i` belongs to `values[i]`. */
  readonly vectors: readonly [Rgb, Rgb, Rgb];
  /** Standard deviation of α; 0.1 in the paper. */
  readonly sigma: number;
}

/** Draws the three amounts α ~ N(0, sigma) for one use of an image. */
export function drawAlphas(random: RandomStream, sigma: number): Rgb {
  return [random.normal() * sigma, random.normal() * sigma, random.normal() * sigma];
}

/** Returns `[p1 p2 p3][α1λ1 α2λ2 α3λ3]ᵀ`, which is added to every pixel, on the 0..255 scale. */
export function colourOffset({ values, vectors }: ColourShift, alphas: Rgb): Rgb {
  const channel = (c: 0 | 1 | 2) =>
    255 *
    (vectors[0][c] * alphas[0] * values[0] +
      vectors[1][c] * alphas[1] * values[1] +
      vectors[2][c] * alphas[2] * values[2]);
  return [channel(0), channel(1), channel(2)];
}

/** Returns a copy of the image with a colour added to every pixel. */
export function addColour(image: FloatImage, [red, green, blue]: Rgb): FloatImage {
  checkImage(image);
  const data = Float32Array.from(image.data);
  for (let i = 0; i < data.length; i += 3) {
    data[i]! += red;
    data[i + 1]! += green;
    data[i + 2]! += blue;
  }
  return { data, width: image.width, height: image.height };
}

/** Returns a copy of the image with the mean RGB value of the training set (0..255) subtracted from every pixel. */
export function subtractMean(image: FloatImage, [red, green, blue]: Rgb): FloatImage {
  return addColour(image, [-red, -green, -blue]);
}
