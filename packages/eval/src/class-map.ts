/** Map of the places in an image where the dense view sees a class (section 3.2): the scores that evaluation averages. */
import { slice, softmax, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { VggError } from '@vgg/core';
import { type FloatImage, flip, type RawImage, resample, rescaledSize, type Size } from '@vgg/data';
import { checkArea, MAX_IMAGE_PIXELS } from './limits';
import { checkPlan, type EvaluatedNet, inputSides } from './protocol';
import { normalise } from './score';

/** Options of {@link classMap}. */
export interface ClassMapOptions {
  /** Nets whose maps are averaged. */
  readonly nets: readonly EvaluatedNet[];
  readonly image: RawImage;
  /** Index of the class. */
  readonly classIndex: number;
  /** Every Q, in pixels; the maps are averaged. The larger Q, the finer the map: nets of the paper have a position every 32 pixels. */
  readonly scales: readonly number[];
  /** True if the map is averaged with the map of the flipped image, flipped again. Default true. */
  readonly flips?: boolean | undefined;
  /** Number of points along the longer side of the result. Default 64. */
  readonly resolution?: number | undefined;
  /** Name of the image in errors. Default `the image`. */
  readonly key?: string | undefined;
  /** Same as in `evaluate`. */
  readonly maxImagePixels?: number | undefined;
}

/** Posterior of one class at every place of an image. */
export interface ClassMap {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`, 0 to 1: the centre of point (x, y) lies at ((x + 0.5) / width, (y + 0.5) / height) of the image. */
  readonly data: Float32Array;
}

/** Posteriors of one class at the positions of one pass of the dense view. */
interface Positions {
  readonly columns: number;
  readonly rows: number;
  readonly data: Float32Array;
  /** Size of the net's input, which every position sees. */
  readonly input: Size;
  /** Number of pixels between two positions. */
  readonly stride: number;
}

/** Returns the number of pixels between two positions: every max-pool doubles it, and the nets of the paper have five. */
function strideOf({ options: { configuration } }: EvaluatedNet['model']): number {
  if (!Array.isArray(configuration)) return 32;
  return 2 ** configuration.filter((entry) => entry === 'pool' || entry === 'M').length;
}

async function densePosterior(net: EvaluatedNet, image: FloatImage, index: number): Promise<Positions> {
  const { data, width, height } = image;
  const posterior = tidy(() => {
    const { scores } = net.model.dense(normalise(net, tensor4d(data, [1, height, width, 3])));
    return slice(softmax(scores), [0, 0, 0, index], [1, -1, -1, 1]) as Tensor4D;
  });
  try {
    const [, rows, columns] = posterior.shape;
    const input = inputSides(net.model);
    return { rows, columns, data: (await posterior.data()) as Float32Array, input, stride: strideOf(net.model) };
  } finally {
    posterior.dispose();
  }
}

/**
 * Returns the two positions around `at` (in pixels of the rescaled image), and the place of `at` between them from 0 (at
 * `low`) to 1 (at `high`).
 */
function between(at: number, count: number, side: number, stride: number): [low: number, high: number, part: number] {
  const place = Math.min(Math.max((at - side / 2) / stride, 0), count - 1);
  const low = Math.min(Math.floor(place), Math.max(count - 2, 0));
  return [low, Math.min(low + 1, count - 1), place - low];
}

/** Adds a pass to the map, interpolated between the centres of the windows that the net evaluated. */
function addPass(map: ClassMap, pass: Positions, size: FloatImage, flipped: boolean, share: number) {
  const { width, height, data } = map;
  const { input, stride } = pass;
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(((y + 0.5) / height) * size.height, pass.rows, input.height, stride);
    for (let x = 0; x < width; x++) {
      const from = flipped ? width - 1 - x : x;
      const [left, right, along] = between(((from + 0.5) / width) * size.width, pass.columns, input.width, stride);
      const row = (r: number) =>
        pass.data[r * pass.columns + left]! * (1 - along) + pass.data[r * pass.columns + right]! * along;
      data[y * width + x]! += share * (row(top) * (1 - down) + row(bottom) * down);
    }
  }
}

/**
 * Computes the posterior of one class at every place of an image: the dense view's map, interpolated bilinearly between
 * the centres of the windows that the net evaluates, averaged over nets, scales and flips.
 *
 * @throws VggError `VGG_ARGUMENT` for a plan that cannot be executed or a class that the nets do not have, `VGG_IMAGE` when
 *   the image is above `maxImagePixels`, `VGG_NON_FINITE` when a net returns NaN.
 */
export async function classMap({
  nets,
  image,
  classIndex,
  scales,
  flips = true,
  resolution = 64,
  key = 'the image',
  maxImagePixels = MAX_IMAGE_PIXELS,
}: ClassMapOptions): Promise<ClassMap> {
  const atScales = nets.map((net) => ({ ...net, scales }));
  checkPlan({ nets: atScales, protocols: ['dense'], scales, flips });
  const { classes } = nets[0]!.model.options;
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= classes) {
    throw new VggError('argument', `expected a class from 0 to ${classes - 1}, got ${classIndex}`);
  }
  if (!Number.isInteger(resolution) || resolution < 1 || resolution > 4096) {
    throw new VggError('argument', `expected a resolution from 1 to 4096, got ${resolution}`);
  }
  checkArea(key, image, scales, maxImagePixels);
  const shrink = resolution / Math.max(image.width, image.height);
  const width = Math.max(1, Math.round(image.width * shrink));
  const height = Math.max(1, Math.round(image.height * shrink));
  const map: ClassMap = { width, height, data: new Float32Array(width * height) };
  const share = 1 / (nets.length * scales.length * (flips ? 2 : 1));
  for (const scale of scales) {
    const original = resample(image, rescaledSize(image, scale));
    for (const net of nets) {
      for (const flipped of flips ? [false, true] : [false]) {
        const pass = await densePosterior(net, flipped ? flip(original) : original, classIndex);
        if (!pass.data.every(Number.isFinite)) {
          throw new VggError('nonFinite', `net ${net.name} gives class scores that are not finite for ${key}`);
        }
        addPass(map, pass, original, flipped, share);
      }
    }
  }
  return map;
}
