/** Net that records its inputs, and whose scores the test computes from them. */
import { type Tensor4D, tensor2d, tensor4d } from '@tensorflow/tfjs-core';
import type { CropSize, RawImage } from '@vgg/data';
import type { Classifier, EvaluatedNet } from '../src/index';

/** Place and orientation of a crop of an image made by {@link coordinates}. */
export interface Crop {
  left: number;
  top: number;
  flipped: boolean;
}

/** Returns an image whose pixel at (x, y) is (x, y, 100), so that the pixels of a crop show its place. */
export function coordinates(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([i % width, Math.floor(i / width), 100], i * 3);
  return { data, width, height };
}

export interface FakeNet extends EvaluatedNet {
  /** Crops in the order in which the net received them. */
  readonly crops: Crop[];
  /** Shapes of the inputs of the dense view, with true for each flipped image. */
  readonly maps: { shape: number[]; flipped: boolean[] }[];
  /** Sizes of the batches of crops. */
  readonly batches: number[];
  /** Blue value of the first pixel of the last batch of crops: 100 minus the blue mean. */
  blue: number;
}

function cropsOf(images: Tensor4D, mean: readonly number[]): Crop[] {
  const [count, , width] = images.shape;
  const values = images.dataSync();
  return Array.from({ length: count }, (_, i) => {
    const first = i * (images.size / count);
    const x = values[first]! + mean[0]!;
    const last = values[first + (width - 1) * 3]! + mean[0]!;
    return { left: Math.min(x, last), top: values[first + 1]! + mean[1]!, flipped: x > last };
  });
}

/**
 * Returns a fake net.
 * @param score returns the class scores of a crop.
 * @param map returns one row of the map of class scores of a whole image.
 */
export function fakeNet(
  name: string,
  score: (crop: Crop) => number[],
  map: (flipped: boolean) => number[][] = () => [],
  { inputSize = 5 as CropSize, mean = [0, 0, 0] as EvaluatedNet['mean'] } = {},
): FakeNet {
  const classes = score({ left: 0, top: 0, flipped: false }).length;
  const model: Classifier = {
    options: { classes, inputSize },
    apply(images) {
      const crops = cropsOf(images, mean);
      net.blue = images.dataSync()[2]!;
      net.crops.push(...crops);
      net.batches.push(crops.length);
      return { logits: tensor2d(crops.map(score)) };
    },
    dense(images) {
      const flipped = cropsOf(images, mean).map((view) => view.flipped);
      net.maps.push({ shape: images.shape, flipped });
      return { scores: tensor4d(flipped.map((side) => [map(side)])) };
    },
  };
  const net: FakeNet = { name, mean, model, crops: [], maps: [], batches: [], blue: Number.NaN };
  return net;
}

export function softmax(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
  return scores.map((score) => Math.exp(score) / sum);
}

/** Returns the element-wise mean. */
export function average(vectors: readonly ArrayLike<number>[]): number[] {
  return Array.from(vectors[0]!, (_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length);
}
