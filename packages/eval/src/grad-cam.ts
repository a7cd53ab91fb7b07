/**
 * Grad-CAM (Selvaraju et al. 2017): the channels of a feature map, weighted by the mean of a class score's gradient in them, and
 * summed. Sums below 0 speak for other classes and become 0.
 */
import { buffer, grad, mean, mul, relu, sum, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { registerTailGradients } from './gradients';
import { type ClassMap, checkFinite, checkSides, classesOf, mapOf } from './map';
import type { Classifier } from './protocol';

/** Net that Grad-CAM uses; `Vgg` of `@vgg/models` is one. */
export interface TappedNet extends Classifier {
  /** Variables by name: the last convolution is the default tap. */
  readonly variables: ReadonlyMap<string, unknown>;
  /** Returns the outputs of layers in the dense view. */
  features(images: Tensor4D, taps: readonly string[]): Readonly<Record<string, Tensor>>;
  /** Returns the class scores of the dense view, [n, h', w', classes], from the output of a layer. */
  scoresFrom(layer: string, output: Tensor): Tensor4D;
}

/** Options of {@link gradCam}. */
export interface GradCamOptions {
  /** Index of the class, or one for each image. Default the most probable class of each image. */
  readonly classIndex?: number | readonly number[] | undefined;
  /** Layer whose feature map is weighted. Default the ReLU of the last convolution: relu5_3 for D. */
  readonly tap?: string | undefined;
}

/** Returns the ReLU of the last convolution. */
function lastRelu({ variables }: TappedNet): string {
  const convolutions = [...variables.keys()].filter((name) => /^conv.*\.weight$/.test(name));
  return convolutions.at(-1)!.replace(/^conv(.*)\.weight$/, 'relu$1');
}

/** Returns the gradient, [n, h', w', classes], of each image's mean score of its class in all class scores. */
function scoreGradient([count, rows, columns, classes]: Tensor4D['shape'], selected: readonly number[]): Tensor4D {
  const values = buffer([count, rows, columns, classes]);
  for (let place = 0; place < count * rows * columns; place++) {
    values.values[place * classes + selected[Math.floor(place / (rows * columns))]!] = 1 / (rows * columns);
  }
  return values.toTensor() as Tensor4D;
}

/**
 * Computes Grad-CAM of images [n, height, width, channels], prepared as the net's input: of the input size (`netInput`), or larger
 * ones (`wholeInput`), whose class score is the mean over the positions of the dense view.
 *
 * @returns a map for each image, of the size of the feature map, at least 0 everywhere, in units of the class score.
 * @throws VggError `VGG_ARGUMENT` for an unknown tap, one that is not before the class scores, a class that the net does not have,
 *   or a net without a head; `VGG_SHAPE` for images smaller than the input; `VGG_NON_FINITE` when the map is not finite.
 */
export async function gradCam(net: TappedNet, images: Tensor4D, options: GradCamOptions = {}): Promise<ClassMap[]> {
  const { classIndex, tap = lastRelu(net) } = options;
  checkSides('Grad-CAM', net, images);
  registerTailGradients();
  const output = net.features(images, [tap])[tap] as Tensor4D;
  let scores: Tensor4D | undefined;
  let map: Tensor | undefined;
  try {
    scores = net.scoresFrom(tap, output);
    const { shape } = scores;
    const means = tidy(() => mean(scores!, [1, 2]));
    const values = (await means.data().finally(() => means.dispose())) as Float32Array;
    const selected = classesOf(images.shape[0], shape[3], classIndex, values);
    map = tidy(() => {
      const gradient = grad((x: Tensor) => net.scoresFrom(tap, x))(output, scoreGradient(shape, selected));
      return relu(sum(mul(output, mean(gradient, [1, 2], true)), 3));
    });
    const places = (await map.data()) as Float32Array;
    checkFinite(places, 'the net', 'the images');
    const [, rows, columns] = output.shape;
    return selected.map((index, i) => {
      const data = places.slice(i * rows * columns, (i + 1) * rows * columns);
      return mapOf({ method: 'grad-cam', width: columns, height: rows, data, classIndex: index });
    });
  } finally {
    output.dispose();
    scores?.dispose();
    map?.dispose();
  }
}
