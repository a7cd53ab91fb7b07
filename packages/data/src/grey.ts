/** Conversion of RGB to grey for nets of one channel. */

/** Weights of red, green and blue in grey (ITU-R 601), as in Pillow. */
export const GREY = [0.299, 0.587, 0.114] as const;

/**
 * Returns the grey values of RGB images, as the input of a net of one channel: 0.299 · red + 0.587 · green + 0.114 · blue. The
 * images may be normalised, by the same mean and deviation for all colours.
 * @param images `[..., 3]`, the `images` of a batch or the data of an image.
 * @returns `[..., 1]`, in new memory.
 */
export function greyOf(images: Float32Array): Float32Array {
  const grey = new Float32Array(images.length / 3);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = GREY[0] * images[3 * i]! + GREY[1] * images[3 * i + 1]! + GREY[2] * images[3 * i + 2]!;
  }
  return grey;
}
