/** Small nets and images for the tests. */
import '@tensorflow/tfjs-backend-cpu';
import { randomStream } from '@vgg/core';
import type { ImageTransform, RawImage } from '@vgg/data';
import { createVgg, heInitialiser } from '@vgg/models';
import { inputTransform, type Preprocessing } from '@vgg/weights';
import type { DescribedItem } from '../src';

const preprocessing: Preprocessing = { mean: [120, 115, 100], scale: 32 };

/** Transform of the small nets. */
export const transform: ImageTransform = inputTransform(preprocessing, { inputSize: 32 })!;

/** Returns a small net with random weights. The caller disposes its model. */
export function smallNet(seed = 0, width = 0.125) {
  const model = createVgg(
    { configuration: 'A', classes: 2, inputSize: 32, width, head: 'none' },
    heInitialiser({ seed }),
  );
  return { model, transform, preprocessing, classes: [] };
}

/** Returns an image of noise around a colour. */
export function noisyImage(
  seed: number,
  width: number,
  height: number,
  colour: readonly number[] = [128, 128, 128],
): RawImage {
  const random = randomStream(seed, 'noise');
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]! + 60 * random.uniform());
  return { data, width, height };
}

/** Returns images in memory for `describeImages`. */
export function itemsOf(images: readonly RawImage[]): (DescribedItem & { loads: number })[] {
  return images.map((image, i) => ({
    key: `image ${i}`,
    loads: 0,
    hash: () => i.toString(16).padStart(64, '0'),
    async load() {
      this.loads += 1;
      return image;
    },
  }));
}
