/** Occlusion (Zeiler and Fergus 2014): the probability of a class that an image loses when a square of it is covered. */
import { mean, mul, slice, softmax, type Tensor2D, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { requireInteger, yieldToEventLoop } from '@vgg/core';
import { BATCH_PIXELS } from './limits';
import { type ClassMap, checkFinite, checkSides, classesOf, mapOf } from './map';
import { type Classifier, inputSides } from './protocol';

/** Options of {@link occlusion}. */
export interface OcclusionOptions {
  /** Index of the class, or one for each image. Default the most probable class of each image. */
  readonly classIndex?: number | readonly number[] | undefined;
  /** Side of the square in pixels. Default a quarter of the smaller side of the net's input. */
  readonly size?: number | undefined;
  /**
   * Number of pixels between two squares: the side of a point of the map. If it does not divide a side of the image, the last
   * squares reach over the edge. Default half of `size`.
   */
  readonly stride?: number | undefined;
  /** Largest number of pixels in one forward pass. Default 2^20. */
  readonly batchPixels?: number | undefined;
}

/** Returns the posteriors [n, classes] of the dense view's mean scores. */
async function posteriors(net: Classifier, images: Tensor4D): Promise<Float32Array> {
  const result = tidy(() => softmax(mean(net.dense(images).scores, [1, 2]) as Tensor2D));
  try {
    return (await result.data()) as Float32Array;
  } finally {
    result.dispose();
  }
}

/** Returns one image with each of several squares covered by 0, the mean colour; a square is cut at the edges. */
function covered(image: Tensor4D, centres: readonly (readonly [x: number, y: number])[], size: number): Tensor4D {
  return tidy(() => {
    const [, height, width] = image.shape;
    const masks = new Float32Array(centres.length * height * width).fill(1);
    for (const [i, [x, y]] of centres.entries()) {
      const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
      for (let row = Math.max(0, top); row < Math.min(height, top + size); row++) {
        const start = (i * height + row) * width;
        masks.fill(0, start + Math.max(0, left), start + Math.min(width, left + size));
      }
    }
    return mul(image, tensor4d(masks, [centres.length, height, width, 1]));
  });
}

/**
 * Computes occlusion maps of images [n, height, width, channels], prepared as the net's input, of its input size or larger. Point
 * (x, y) of a map is the posterior of the class minus its posterior when a square around pixel ((x + 0.5) · stride,
 * (y + 0.5) · stride) has the mean colour: below 0 where the covered place spoke against the class.
 *
 * @throws VggError `VGG_ARGUMENT` for a class that the net does not have, a size or stride below 1, or a net without a head;
 *   `VGG_SHAPE` for images smaller than the input; `VGG_NON_FINITE` when a posterior is not finite.
 */
export async function occlusion(
  net: Classifier,
  images: Tensor4D,
  options: OcclusionOptions = {},
): Promise<ClassMap[]> {
  const input = inputSides(net);
  const { size = Math.max(1, Math.round(Math.min(input.width, input.height) / 4)) } = options;
  const { classIndex, stride = Math.max(1, Math.round(size / 2)), batchPixels = BATCH_PIXELS } = options;
  requireInteger('size', size, 1);
  requireInteger('stride', stride, 1);
  requireInteger('batchPixels', batchPixels, 1);
  const [count, height, width] = images.shape;
  checkSides('occlusion', net, images);
  const { classes } = net.options;
  const whole = await posteriors(net, images);
  checkFinite(whole, 'the net', 'the images');
  const selected = classesOf(count, classes, classIndex, whole);
  const columns = Math.ceil(width / stride);
  const rows = Math.ceil(height / stride);
  const batch = Math.max(1, Math.floor(batchPixels / (width * height)));
  const maps: ClassMap[] = [];
  for (const [i, index] of selected.entries()) {
    const data = new Float32Array(rows * columns);
    const image = slice(images, [i, 0, 0, 0], [1, -1, -1, -1]);
    try {
      for (let start = 0; start < data.length; start += batch) {
        const places = Array.from({ length: Math.min(batch, data.length - start) }, (_, place) => {
          const at = start + place;
          return [((at % columns) + 0.5) * stride, (Math.floor(at / columns) + 0.5) * stride] as const;
        });
        const views = covered(image, places, size);
        const posterior = await posteriors(net, views).finally(() => views.dispose());
        checkFinite(posterior, 'the net', 'a covered image');
        for (const place of places.keys()) {
          data[start + place] = whole[i * classes + index]! - posterior[place * classes + index]!;
        }
        await yieldToEventLoop();
      }
    } finally {
      image.dispose();
    }
    maps.push(mapOf({ method: 'occlusion', width: columns, height: rows, data, classIndex: index }));
  }
  return maps;
}
